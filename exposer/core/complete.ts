import type { Instant } from '../../shared/base/clock.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { isRelayed, relayedRun } from '../../shared/snapshot/relayed.js'
import { isBackfill, isOutdated } from './backfill.js'
import { retire } from './booking.js'
import { judgeTarget } from './judge.js'
import { isAlive } from './overlap.js'
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
  let series = 0
  for (const { layout } of parts) series += layout.series
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
  const relayed = isRelayed(reader.incarnation)
  const isClamped = !relayed && Math.abs(skew) > options.maxSkewMs
  if (isClamped) counters.skewed++
  const collectedAt = relayed
    ? reader.collectedAt
    : appendedAt + Math.min(Math.max(skew, -options.maxSkewMs), options.maxSkewMs)
  const backfill = isBackfill(reader, appendedAt)
  const arrivedAt = live ? now.wall : appendedAt
  if (!backfill && !hasWaited(reader, run, appendedAt)) {
    const replaced = !relayed && run === current && reader.superseded > run.superseded
    const late = target.playout.arrived(collectedAt, arrivedAt, reader.intervalMs, now, replaced)
    // A failed collection takes effect at once, so it cannot be late.
    if (late && live && reader.failure === null) counters.late++
  }
  const snapshot: Snapshot = {
    kind: 'snapshot',
    holders: 1,
    target,
    incarnation: reader.incarnation,
    sequence: reader.sequence,
    offset,
    collectedAt,
    isClamped,
    appendedAt,
    appliedAt: now.wall,
    intervalMs: reader.intervalMs,
    collectSeconds: reader.collectSeconds,
    end: reader.end,
    failure: reader.failure,
    parts,
    series,
    playoutAt: arrivedAt,
    position: 0,
    // The ledger begins with the assignment; a replay reads what was published before it.
    fate: live ? 'pending' : 'outside',
    exposed: false,
    retired: null,
  }
  shard.store.add(snapshot)
  const outdated = isOutdated(reader, appendedAt, options)
  const ends =
    reader.end &&
    (!current ||
      current === run ||
      partition.wasNewest(target.key, offset) ||
      !isAlive(current, partition, options))
  if (outdated && !ends) {
    keepOutdated(shard, partition, snapshot, run, now)
    noteApplied(shard, target, series)
    return
  }
  const before = judgeTarget(target, partition, now, options)
  if (relayed) run.endedUnseen = reader.end && (outdated || run.sequence < 0)
  if (shard.source.active) shard.source.noteApplied(snapshot, before)
  // After failed scrapes or an end, earlier snapshots are not exposed again, nor are those of a
  // newer run that has become silent.
  const outlived = current !== null && current.incarnation > run.incarnation && !current.ended
  const wasDown = before.state !== 'up' || outlived
  if (snapshot.failure === null) setPlayoutTime(target, snapshot, arrivedAt, wasDown)
  adopt(shard, target, now, snapshot, wasDown)
  addToHistory(shard, partition, snapshot, now)
  // The previous run is not hidden before it publishes again.
  if (current) current.hidden = 0
  run.hidden = 0
  advance(run, reader)
  target.runs.current = run
  target.intervalMs = reader.intervalMs
  target.arrivedAt = partition.clock.time
  noteApplied(shard, target, series)
  if (!live) return
  if (!backfill) options.onDelay('produce', Math.max(0, -skew) / 1000)
  options.onDelay('consume', Math.max(0, now.wall - appendedAt) / 1000)
}

function noteApplied({ counters }: ShardParts, target: Target, series: number): void {
  if (target.refusal) {
    target.refusal = null
    target.recount()
  }
  counters.snapshots++
  counters.samples += series
}

/** Keeps backfill that is too old for virtual targets, for scrapers of the view `all` only. */
function keepOutdated(
  shard: ShardParts,
  partition: Partition,
  snapshot: Snapshot,
  run: Run,
  now: Instant,
): void {
  const { target, intervalMs } = snapshot
  addToHistory(shard, partition, snapshot, now)
  advance(run, shard.reader)
  run.outdatedAt = partition.clock.time
  if (target.intervalMs === 0) target.intervalMs = intervalMs
  retire(shard.store, [snapshot], 'backfill')
}

function addToHistory(
  { history }: ShardParts,
  { number, loaded }: Partition,
  snapshot: Snapshot,
  now: Instant,
): void {
  if (snapshot.failure !== null) return
  if (loaded || history.holdsReplayed(number, snapshot)) history.add(snapshot, now)
}

function setPlayoutTime(
  { newest, playout }: Target,
  snapshot: Snapshot,
  arrivedAt: number,
  wasDown: boolean,
): void {
  const { offset, collectedAt, intervalMs, end } = snapshot
  const arrival = { offset, collectedAt, intervalMs, end, arrivedAt }
  const begins = wasDown || !newest
  snapshot.playoutAt = playout.times.of(arrival, playout.delay, begins)
  if (!begins) playout.times.skip(newest, { ...arrival, playoutAt: snapshot.playoutAt })
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
  if (wasDown || snapshot.failure !== null) retire(shard.store, snapshots.splice(0), 'unscraped')
  snapshots.push(snapshot)
  retire(shard.store, prune(target, now.wall), 'unscraped')
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
  if (isRelayed(run.incarnation)) return
  // Snapshots before the first one received may have been sent before this shard's assignment.
  // Only if all of them were superseded is it known that none was sent.
  if (run.sequence < 0 && !run.beganHere && superseded !== sequence) return
  const gap = Math.min(MAX_GAP, Math.max(0, sequence - run.sequence - 1 - run.refused))
  const replaced = Math.min(Math.max(0, superseded - run.superseded), gap)
  ledger.supersede(replaced)
  ledger.miss(gap - replaced)
}

/**
 * Whether this is the first snapshot of a mirror, which its gateway held back until the second
 * collection told the interval. The following ones do not wait.
 */
function hasWaited(reader: SnapshotReader, run: Run, appendedAt: number): boolean {
  const { incarnation, collectedAt, intervalMs } = reader
  return (
    relayedRun(incarnation) === 'mirror' &&
    run.sequence < 0 &&
    appendedAt - collectedAt > intervalMs / 2
  )
}
