import type { Snapshot } from '../store/snapshot.js'
import type { Target } from '../target.js'
import { MAX_HELD } from './bounds.js'

/**
 * Which snapshot a virtual target plays now: the newest collected at least D ago, else the oldest held.
 *
 * Serving what was collected a constant time ago, and not what came last, is what takes the jitter of the way through the
 * queue out of rate(): as in an audio player, at the cost of D.
 *
 * @param wall Unix ms
 */
export function playedAt(snapshots: readonly Snapshot[], wall: number, delayMs: number): number {
  let index = snapshots.length - 1
  while (index > 0 && snapshots[index].collectedAt + delayMs > wall) index--
  return index
}

/** What is held beyond those that D takes, for timers that are early. */
const TO_SPARE = 3

/** Takes out what was played before, and what is more than a publisher that keeps to its interval could have waiting. */
export function prune(target: Target, wall: number, delayMs: number): Snapshot[] {
  const { snapshots, newest } = target
  if (!newest || snapshots.length < 2) return []
  // A producer whose clock is ahead has that many more on the way to their time.
  const ahead = Math.max(0, newest.collectedAt - wall)
  const most = Math.min(MAX_HELD, Math.ceil((delayMs + ahead) / newest.intervalMs) + TO_SPARE)
  const gone = Math.max(playedAt(snapshots, wall, delayMs), snapshots.length - most)
  return gone > 0 ? snapshots.splice(0, gone) : []
}
