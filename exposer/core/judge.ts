import type { Instant } from '../../shared/base/clock.js'
import { FIRST_NATIVE } from '../../shared/snapshot/relayed.js'
import { outdatedBy } from './backfill.js'
import type { ShardOptions } from './options.js'
import { hasStandby } from './overlap.js'
import type { Partition } from './partition.js'
import { staleWindow } from './stale-window.js'
import type { Snapshot } from './store/snapshot.js'
import type { Target } from './target.js'

/** States of a target, as in `exposer_targets{state}`, `/api/v1/targets` and the page. */
export const TARGET_STATES = [
  'up',
  'stale',
  'failed',
  'lagging',
  'blind',
  'replaying',
  'ended',
  'over_limit',
] as const
export type TargetState = (typeof TARGET_STATES)[number]

export interface Verdict {
  readonly state: TargetState
  /** One line, the body of the 503; empty for `up`. */
  readonly reason: string
}

const UP: Verdict = { state: 'up', reason: '' }

/**
 * The state of a target. The partition is judged first: unless it is loaded, fetched and caught up,
 * nothing is known about its targets.
 */
export function judge(
  target: Target,
  partition: Partition,
  now: Instant,
  options: ShardOptions,
): Verdict {
  return judgePartition(partition, now, options) ?? judgeTarget(target, partition, now, options)
}

/** The state of all targets of a partition that cannot be judged; undefined if they can. */
function judgePartition(
  partition: Partition,
  now: Instant,
  options: ShardOptions,
): Verdict | undefined {
  if (!partition.loaded)
    return { state: 'replaying', reason: `partition ${partition.number} is being replayed` }
  const unheard = partition.blindFor(now.mono)
  if (unheard > options.blindAfterMs) {
    return {
      state: 'blind',
      reason: `partition ${partition.number} could not be fetched for ${seconds(unheard)}`,
    }
  }
  const behind = now.wall - partition.clock.time
  if (partition.lagRecords > 0 && behind > options.maxAgeMs) {
    return {
      state: 'lagging',
      reason: `the lag of partition ${partition.number} is ${seconds(behind)} and ${partition.lagRecords} records`,
    }
  }
  return undefined
}

const TROUBLES = {
  replaying: 'replaying: partitions',
  blind: 'blind: fetches fail for partitions',
  lagging: 'lagging: the lag exceeds --staleness.max-age in partitions',
} as const

/**
 * The most severe state of partitions whose targets cannot be judged, with the numbers of these
 * partitions, in one line; undefined if all can be judged. It agrees with the states of targets,
 * because both are decided by `judgePartition`.
 */
export function troubleOf(
  partitions: Iterable<Partition>,
  now: Instant,
  options: ShardOptions,
): string | undefined {
  const found = new Map<TargetState, number[]>()
  for (const partition of partitions) {
    const state = judgePartition(partition, now, options)?.state
    if (state) found.set(state, [...(found.get(state) ?? []), partition.number])
  }
  for (const [state, text] of Object.entries(TROUBLES)) {
    const numbers = found.get(state as TargetState)
    if (numbers) return `${text}: ${numbers.sort((a, b) => a - b).join(', ')}`
  }
  return undefined
}

/** The state of a target in a partition that is loaded, fetched and caught up. */
export function judgeTarget(
  target: Target,
  partition: Partition,
  now: Instant,
  options: ShardOptions,
): Verdict {
  const { newest, refusal } = target
  const window = windowOf(target, options)
  if (refusal?.reason === 'limit' && partition.clock.since(refusal.at, window) <= window) {
    return { state: 'over_limit', reason: refusal.message }
  }
  const refused = refusal ? `; the last snapshot was refused: ${refusal.message}` : ''
  const failed = newest?.failure ? `; the last collection failed: ${newest.failure}` : ''
  if (!newest)
    return {
      state: 'stale',
      reason: `no snapshot has arrived${behind(target, partition, window)}${refused}`,
    }
  if (newest.end) {
    const ended = target.runs.current?.endedUnseen || now.wall >= endsAt(target, newest)
    return ended && !hasStandby(target, partition, options)
      ? { state: 'ended', reason: 'the application has stopped' }
      : UP
  }
  const silent = partition.clock.since(target.arrivedAt, window)
  if (silent > window && !hasStandby(target, partition, options)) {
    return {
      state: 'stale',
      reason: `no snapshot for ${seconds(silent)}, the publish interval is ${seconds(target.intervalMs)}${behind(target, partition, window)}${failed}${refused}`,
    }
  }
  const outdated = outdatedBy(newest, partition, window, options)
  if (outdated > 0 && !hasStandby(target, partition, options)) {
    return {
      state: 'stale',
      reason: `the newest snapshot was collected ${seconds(outdated)} ago and relayed late${failed}${refused}`,
    }
  }
  return newest.failure === null ? UP : { state: 'failed', reason: newest.failure }
}

/** That relayed snapshots arrive, but too late to be exposed; empty if that is not so. */
function behind({ runs }: Target, { clock }: Partition, window: number): string {
  const run = runs.all.find(({ outdatedAt }) => clock.since(outdatedAt, window) <= window)
  return run ? `; relayed snapshots arrive ${seconds(run.outdatedAt - run.collectedAt)} late` : ''
}

/** Time without a snapshot after which the target is stale, ms of log time. */
export function windowOf({ runs, intervalMs }: Target, options: ShardOptions): number {
  return staleWindow(runs.current?.incarnation ?? FIRST_NATIVE, intervalMs, options)
}

/**
 * Unix ms at which an ended target is no longer exposed: after its final values were, for an
 * interval.
 */
export function endsAt(target: Target, last: Snapshot): number {
  if (target.runs.current?.endedUnseen) return last.appendedAt
  return Math.max(last.collectedAt + target.playout.delay, last.playoutAt) + last.intervalMs
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
