import type { Instant } from '../../shared/base/clock.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { retire } from './booking.js'
import { judgeTarget } from './judge.js'
import type { Partition } from './partition.js'
import { prune } from './playout/held.js'
import type { Run } from './runs.js'
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
  const { current } = target.runs
  const run = runOf(target, reader.incarnation)
  if (live) {
    target.ledger.receive()
    bookGap(target, run, reader)
  }
  const skew = reader.collectedAt - appendedAt
  if (Math.abs(skew) > options.maxSkewMs) counters.skewed++
  const collectedAt = appendedAt + Math.min(Math.max(skew, -options.maxSkewMs), options.maxSkewMs)
  const replaced = run === current && reader.superseded > run.superseded
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
    position: 0,
    // The ledger begins with the assignment; a replay reads what was published before it.
    fate: live ? 'pending' : 'outside',
    exposed: false,
    retired: null,
  }
  shard.store.add(snapshot)
  const before = judgeTarget(target, partition, now, options)
  if (shard.source.active) shard.source.noteApplied(snapshot, before)
  // After failed scrapes or an end, earlier snapshots are not exposed again, nor are those of a
  // newer run that has become silent.
  const outlived = current !== null && current.incarnation > run.incarnation && !current.ended
  adopt(shard, target, now, snapshot, before.state !== 'up' || outlived)
  if (
    snapshot.failure === null &&
    (live || shard.history.holdsReplayed(partition.number, snapshot))
  )
    shard.history.add(target, snapshot)
  // The previous run is not hidden before it publishes again.
  if (current) current.hidden = 0
  run.hidden = 0
  advance(run, reader)
  target.runs.current = run
  target.intervalMs = reader.intervalMs
  target.arrivedAt = partition.clock.time
  if (target.refusal) {
    target.refusal = null
    target.recount()
  }
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
  const gone = wasDown || snapshot.failure !== null ? snapshots.splice(0) : []
  snapshots.push(snapshot)
  gone.push(...prune(target, now.wall))
  retire(shard.store, gone, 'unscraped')
  // It was admitted in the place of what it replaces.
  if (shard.store.memory.exceeded)
    retire(shard.store, snapshots.splice(0, snapshots.length - 1), 'memory')
}

/** Returns the run of a target, which is added if it is not known. */
export function runOf(target: Target, incarnation: number): Run {
  const known = target.runs.find(incarnation)
  if (known) return known
  const run = target.runs.of(incarnation)
  target.recount()
  return run
}

/** Makes the snapshot of the reader the newest one received of its run. */
export function advance(run: Run, reader: SnapshotReader): void {
  run.sequence = reader.sequence
  run.superseded = reader.superseded
  run.collectedAt = reader.collectedAt
  run.intervalMs = reader.intervalMs
  run.ended = reader.end
  run.refused = 0
}

/**
 * Maximum number of snapshots that a gap in the sequence counts as: 34 years at one per second. A
 * sequence may jump to 2^53, and sums of such numbers are not exact.
 */
const MAX_GAP = 2 ** 30

/** Books the gap before a snapshot: refused, superseded by the publisher, or missed. */
export function bookGap(
  { ledger }: Target,
  run: Run,
  { sequence, superseded }: SnapshotReader,
): void {
  // Snapshots before the first one received may have been sent before this shard's assignment.
  // Only if all of them were superseded is it known that none was sent.
  if (run.sequence < 0 && !run.beganHere && superseded !== sequence) return
  const gap = Math.min(MAX_GAP, Math.max(0, sequence - run.sequence - 1 - run.refused))
  const replaced = Math.min(Math.max(0, superseded - run.superseded), gap)
  ledger.supersede(replaced)
  ledger.miss(gap - replaced)
}
