import type { Instant } from '../../shared/base/clock.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { retire } from './booking.js'
import { judgeTarget } from './judge.js'
import type { Partition } from './partition.js'
import { prune } from './playout/held.js'
import type { ShardParts } from './shard-parts.js'
import type { Snapshot, SnapshotPart } from './store/snapshot.js'
import type { Target } from './target.js'

/**
 * Makes a snapshot with all its parts, or a failed collection (no parts), the newest of its target.
 *
 * @throws RefusedError `limit`; the parts are released then
 */
export function complete(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  parts: readonly SnapshotPart[],
  { offset, timestamp: appendedAt }: LogRecord,
  now: Instant,
): void {
  const { reader, options, counters } = shard
  const series = parts.reduce((sum, part) => sum + part.layout.series, 0)
  if (series > options.limits.samples) {
    for (const part of parts) shard.store.release(part)
    throw new RefusedError(
      'limit',
      `the snapshot has ${series} samples, over the limit of ${options.limits.samples}`,
    )
  }
  const live = partition.loaded
  if (live) book(target, shard)
  const skew = reader.collectedAt - appendedAt
  if (Math.abs(skew) > options.maxSkewMs) counters.skewed++
  const collectedAt = appendedAt + Math.min(Math.max(skew, -options.maxSkewMs), options.maxSkewMs)
  const replaced =
    target.incarnation === reader.incarnation && reader.superseded > target.superseded
  const arrivedAt = live ? now.wall : appendedAt
  const late = target.playout.arrived(collectedAt, arrivedAt, reader.intervalMs, now, replaced)
  // A failed collection takes effect at once, so it cannot be late.
  if (late && live && reader.failure === null) counters.late++
  const snapshot: Snapshot = {
    kind: 'snapshot',
    holders: 1,
    target,
    incarnation: reader.incarnation,
    sequence: reader.sequence,
    offset,
    collectedAt,
    appendedAt,
    appliedAt: now.wall,
    intervalMs: reader.intervalMs,
    collectSeconds: reader.collectSeconds,
    end: reader.end,
    failure: reader.failure,
    parts,
    series,
    // The ledger begins with the assignment; a replay reads what was published before it.
    fate: live ? 'pending' : 'outside',
    exposed: false,
    retired: null,
  }
  shard.store.add(snapshot)
  const before = judgeTarget(target, partition, now, options)
  if (shard.source.active) shard.source.noteApplied(snapshot, before)
  // After failed scrapes or an end, earlier snapshots are not exposed again.
  adopt(shard, target, now, snapshot, before.state !== 'up')
  if (live && snapshot.failure === null) shard.history.add(target, snapshot)
  target.incarnation = reader.incarnation
  target.sequence = reader.sequence
  target.superseded = reader.superseded
  target.collectedAt = reader.collectedAt
  target.intervalMs = reader.intervalMs
  target.arrivedAt = partition.clock.time
  target.refusal = null
  counters.snapshots++
  counters.samples += series
  if (!live) return
  options.onDelay('produce', Math.max(0, -skew) / 1000)
  options.onDelay('consume', Math.max(0, now.wall - appendedAt) / 1000)
}

/** @param wasDown whether the target was not `up` before this snapshot */
function adopt(
  shard: ShardParts,
  target: Target,
  now: Instant,
  snapshot: Snapshot,
  wasDown: boolean,
): void {
  const { snapshots } = target
  const replaying = snapshot.fate === 'outside'
  // During a replay nothing was exposed yet, so only the newest snapshot is needed.
  const gone = replaying || wasDown || snapshot.failure !== null ? snapshots.splice(0) : []
  snapshots.push(snapshot)
  gone.push(...prune(target, now.wall))
  retire(shard.store, gone, 'unscraped')
}

/** Books this snapshot and the gap before it: refused, superseded by the publisher, or missed. */
function book(target: Target, { reader }: ShardParts): void {
  const { incarnation, sequence, superseded } = reader
  const { ledger, refusal } = target
  ledger.receive()
  const first = target.incarnation < 0
  const same = target.incarnation === incarnation
  // Snapshots before the first one received may have been sent before this shard's assignment.
  // Only if all of them were superseded is it known that none was sent.
  if (first && superseded !== sequence) return
  const gap = same ? sequence - target.sequence - 1 : sequence
  const refused = refusal?.incarnation === incarnation ? refusal.count : 0
  const unsent = superseded - (same ? target.superseded : 0)
  const replaced = Math.min(Math.max(0, unsent), Math.max(0, gap - refused))
  ledger.supersede(replaced)
  ledger.miss(Math.max(0, gap - refused - replaced))
}
