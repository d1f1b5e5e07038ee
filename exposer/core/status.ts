import type { Instant } from '../../shared/base/clock.js'
import { type RelayedRun, relayedRun } from '../../shared/snapshot/relayed.js'
import type { TargetState, Verdict } from './judge.js'
import type { ShardOptions } from './options.js'
import { livingRuns, overlapWarning } from './overlap.js'
import type { Partition } from './partition.js'
import type { Snapshot } from './store/snapshot.js'
import type { Target } from './target.js'

/** An entry of /api/v1/targets, without the address of the shard. */
export interface TargetStatus {
  readonly labels: Readonly<Record<string, string>>
  readonly state: TargetState
  readonly reason: string
  /** Log time since the arrival of the newest snapshot. */
  readonly ageSeconds: number
  /** Propagation delay of the newest snapshot. */
  readonly delaySeconds: number
  /** Playout delay D. */
  readonly playoutSeconds: number
  /** What determines D, in one line. */
  readonly playoutReason: string
  readonly series: number
  readonly partition: number
  readonly intervalMs: number
  readonly incarnation: number
  readonly sequence: number
  /** From what a gateway relays the exposed run; null if the application publishes it. */
  readonly relayed: RelayedRun | null
  /** Number of runs that publish with these labels at the same time. */
  readonly runs: number
  /** What is wrong although the target may be up, in one line; else empty. */
  readonly warning: string
}

export interface PartitionStatus {
  readonly partition: number
  readonly state: 'replaying' | 'live'
  readonly position: number
  readonly highWatermark: number
  readonly lagRecords: number
  readonly lagSeconds: number
  /** Unix ms, or null before the first record. */
  readonly logTime: number | null
  readonly targets: number
  /** Milliseconds since the last answered fetch. */
  readonly unheardMs: number
  /** Duration of the replay; null before its end. */
  readonly replayMs: number | null
}

export function describeTarget(
  target: Target,
  partition: Partition | undefined,
  verdict: Verdict,
  played: Snapshot | undefined,
  options: ShardOptions,
  now: Instant,
): TargetStatus {
  const { newest } = target
  const run = target.runs.current ?? target.runs.all.at(-1)
  const runs = livingRuns(target, partition, options)
  // A replayed snapshot arrived before this shard was assigned the partition.
  const arrivedAt = newest?.fate === 'outside' ? newest.appendedAt : newest?.appliedAt
  return {
    labels: Object.fromEntries(target.labels.map(({ name, value }) => [name, value])),
    state: verdict.state,
    reason: verdict.reason,
    ageSeconds: partition
      ? partition.clock.since(target.arrivedAt, Number.POSITIVE_INFINITY) / 1000
      : 0,
    delaySeconds: newest ? Math.max(0, arrivedAt! - newest.collectedAt) / 1000 : 0,
    playoutSeconds: target.playout.delay / 1000,
    playoutReason: target.playout.reason(now),
    series: played?.series ?? 0,
    partition: target.partition,
    intervalMs: target.intervalMs,
    incarnation: target.runs.current?.incarnation ?? -1,
    sequence: target.runs.current?.sequence ?? -1,
    relayed: relayedRun(run?.incarnation ?? -1),
    runs,
    warning: overlapWarning(runs),
  }
}

export function describePartition(partition: Partition, now: Instant): PartitionStatus {
  const { time } = partition.clock
  return {
    partition: partition.number,
    state: partition.loaded ? 'live' : 'replaying',
    position: Math.max(0, partition.position),
    highWatermark: Math.max(0, partition.highWatermark),
    lagRecords: partition.lagRecords,
    lagSeconds: partition.lagSeconds(now.wall),
    logTime: Number.isFinite(time) ? time : null,
    targets: partition.targets.size,
    unheardMs: Math.max(0, now.mono - partition.fetchedAt),
    replayMs: partition.loaded ? partition.loadedAt - partition.assignedAt : null,
  }
}
