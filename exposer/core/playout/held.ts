import type { Snapshot } from '../store/snapshot.js'
import type { Target } from '../target.js'
import { MAX_HELD } from './bounds.js'

/**
 * Index of the snapshot that a virtual target exposes: the newest collected at least D ago, else
 * the oldest held. Never one before that which was shown last: a D that grows repeats a snapshot
 * rather than go back.
 *
 * A constant age removes the jitter of the propagation delay from `rate()`, as a jitter buffer does
 * for audio.
 *
 * @param wall Unix ms
 * @param playout `shown`: offset of the newest snapshot that was exposed
 */
export function playedAt(
  snapshots: readonly Snapshot[],
  wall: number,
  { delay, shown }: { readonly delay: number; readonly shown: number },
): number {
  let index = snapshots.length - 1
  while (index > 0) {
    const { collectedAt, offset } = snapshots[index]
    if (collectedAt + delay <= wall || offset <= shown) break
    index--
  }
  return index
}

/** Snapshots held in addition to those that D requires, for publishers with early timers. */
const SPARE = 3

/**
 * Removes and returns the snapshots before the exposed one, and those in excess of what a publisher
 * with a regular interval has within D.
 */
export function prune(target: Target, wall: number): Snapshot[] {
  const { snapshots, newest, playout } = target
  if (!newest || snapshots.length < 2) return []
  // If the producer's clock is ahead, its snapshots become due later, and more are held.
  const ahead = Math.max(0, newest.collectedAt - wall)
  const most = Math.min(MAX_HELD, Math.ceil((playout.delay + ahead) / newest.intervalMs) + SPARE)
  const gone = Math.max(playedAt(snapshots, wall, playout), snapshots.length - most)
  return gone > 0 ? snapshots.splice(0, gone) : []
}
