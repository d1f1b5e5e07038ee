import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { isRelayed } from '../../shared/snapshot/relayed.js'
import type { ShardOptions } from './options.js'
import type { Partition } from './partition.js'
import type { Snapshot } from './store/snapshot.js'

/** Time from its collection to its append after which a relayed snapshot is backfill, ms. */
const BACKFILL_AFTER_MS = 30_000

type Collection = Pick<SnapshotReader, 'incarnation' | 'collectedAt'>

/**
 * Whether a snapshot is backfill: relayed long after its collection, because its gateway or the
 * sender behind it is catching up.
 */
export function isBackfill({ incarnation, collectedAt }: Collection, appendedAt: number): boolean {
  return isRelayed(incarnation) && appendedAt - collectedAt > BACKFILL_AFTER_MS
}

/** Whether a snapshot is backfill that was too old for virtual targets when it was appended. */
export function isOutdated(
  collection: Collection,
  appendedAt: number,
  { maxAgeMs }: ShardOptions,
): boolean {
  return isBackfill(collection, appendedAt) && appendedAt - collection.collectedAt > maxAgeMs
}

/**
 * Milliseconds of log time since the collection of the newest snapshot of a target, if it is
 * backfill that has become too old for virtual targets; else 0. A snapshot of a long interval may
 * be as old as any other of that interval.
 */
export function outdatedBy(
  newest: Snapshot,
  { clock }: Partition,
  window: number,
  { maxAgeMs }: ShardOptions,
): number {
  const { collectedAt, appendedAt } = newest
  if (!isBackfill(newest, appendedAt)) return 0
  const most = Math.max(maxAgeMs, window)
  const age = clock.since(collectedAt, most)
  return age > most ? age : 0
}
