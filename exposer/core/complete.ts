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
 * All parts of a snapshot have come, or a failed collection, which has none: it becomes the target's newest.
 *
 * @throws RefusedError `limit`
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
      `${series} samples in one snapshot, over the limit of ${options.limits.samples}`,
    )
  }
  const live = partition.loaded
  if (live) book(target, shard)
  const skew = reader.collectedAt - appendedAt
  if (Math.abs(skew) > options.maxSkewMs) counters.skewed++
  const collectedAt = appendedAt + Math.min(Math.max(skew, -options.maxSkewMs), options.maxSkewMs)
  const replaced = target.incarnation === reader.incarnation && reader.superseded > target.superseded
  const cameAt = live ? now.wall : appendedAt
  const late = target.playout.arrived(collectedAt, cameAt, reader.intervalMs, now, replaced)
  // A failed collection is shown at once.
  if (late && live && reader.failure === null) counters.late++
  const snapshot = shard.store.assemble({
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
    // What was read in a replay belongs to the time before this shard.
    fate: live ? 'pending' : 'outside',
  })
  const until = judgeTarget(target, partition, now, options)
  if (shard.source.active) shard.source.noteApplied(snapshot, until)
  // Scrapes of it failed, or it had ended: what was shown then is not shown again.
  adopt(shard, target, now, snapshot, until.state !== 'up')
  if (live && snapshot.failure === null) shard.history.add(target, snapshot)
  target.incarnation = reader.incarnation
  target.sequence = reader.sequence
  target.superseded = reader.superseded
  target.collectedAt = reader.collectedAt
  target.intervalMs = reader.intervalMs
  target.cameAt = partition.clock.time
  target.refusal = null
  counters.snapshots++
  counters.samples += series
  if (!live) return
  options.onDelay('produce', Math.max(0, -skew) / 1000)
  options.onDelay('consume', Math.max(0, now.wall - appendedAt) / 1000)
}

function adopt(shard: ShardParts, target: Target, now: Instant, snapshot: Snapshot, away: boolean): void {
  const { snapshots } = target
  const replaying = snapshot.fate === 'outside'
  // In replay nothing was played yet, so that nothing but the newest is of use; of a target that fails nothing is shown.
  const gone = replaying || away || snapshot.failure !== null ? snapshots.splice(0) : []
  snapshots.push(snapshot)
  gone.push(...prune(target, now.wall, target.playout.delay))
  retire(shard.store, gone, 'unscraped')
}

/** Books this snapshot, and what lies between it and the last: refused, replaced unsent, or lost on the way. */
function book(target: Target, { reader }: ShardParts): void {
  const { incarnation, sequence, superseded } = reader
  const { ledger, refusal } = target
  ledger.came()
  const first = target.incarnation < 0
  const same = target.incarnation === incarnation
  // Who is heard for the first time may have a past that is not ours to judge, unless everything before was replaced unsent.
  if (first && superseded !== sequence) return
  const gap = same ? sequence - target.sequence - 1 : sequence
  const refused = refusal?.incarnation === incarnation ? refusal.count : 0
  const unsent = superseded - (same ? target.superseded : 0)
  const replaced = Math.min(Math.max(0, unsent), Math.max(0, gap - refused))
  ledger.replaced(replaced)
  ledger.lost(Math.max(0, gap - refused - replaced))
}
