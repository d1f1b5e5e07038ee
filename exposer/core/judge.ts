import type { Instant } from '../../shared/base/clock.js'
import type { ShardOptions } from './options.js'
import type { Partition } from './partition.js'
import type { Snapshot } from './store/snapshot.js'
import type { Target } from './target.js'

/** What a target can be, as `exposer_targets{state}`, `/api/v1/targets` and the page name it. */
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
  /** One line for people; empty when up. */
  readonly reason: string
}

const UP: Verdict = { state: 'up', reason: '' }

/** What a scrape of this target must be told. The order matters: what we cannot know comes before what we judge by it. */
export function judge(target: Target, partition: Partition, now: Instant, options: ShardOptions): Verdict {
  return judgePartition(partition, now, options) ?? judgeTarget(target, partition, now, options)
}

/** What holds for all targets of a partition alike, if anything does. */
export function judgePartition(
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
      reason: `partition ${partition.number} is ${seconds(behind)} and ${partition.lagRecords} records behind`,
    }
  }
  return undefined
}

/** As `judge`, for a partition that has nothing wrong with it. */
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
  const refused = refusal ? `; the last was refused: ${refusal.message}` : ''
  const failed = newest?.failure ? `; the last collection failed: ${newest.failure}` : ''
  if (!newest) return { state: 'stale', reason: `no snapshot has come${refused}` }
  if (newest.end) {
    return now.wall >= endsAt(target, newest) ? { state: 'ended', reason: 'the app said goodbye' } : UP
  }
  const silent = partition.clock.since(target.cameAt, window)
  if (silent > window) {
    return {
      state: 'stale',
      reason: `no snapshot for ${seconds(silent)}, one was due every ${seconds(target.intervalMs)}${failed}${refused}`,
    }
  }
  return newest.failure === null ? UP : { state: 'failed', reason: newest.failure }
}

/** How long the target may be silent, ms of log time. */
export function windowOf(target: Target, { staleAfterIntervals }: ShardOptions): number {
  return staleAfterIntervals * target.intervalMs
}

/** Unix ms at which an end takes effect: when the final values have been played for an interval. */
export function endsAt(target: Target, last: Snapshot): number {
  return last.collectedAt + target.playout.delay + last.intervalMs
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
