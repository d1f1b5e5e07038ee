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

/**
 * Index of the snapshot that a virtual target exposes with playout times: the newest one whose
 * playout time has come, else the first. Playout times do not change, so that a scrape never
 * returns an older snapshot than the scrape before, whatever becomes of D.
 *
 * @param at Unix ms
 */
export function timedAt(snapshots: readonly Snapshot[], at: number): number {
  for (let i = snapshots.length - 1; i > 0; i--) if (snapshots[i].playoutAt <= at) return i
  return 0
}

/**
 * The snapshot that a virtual target exposes, possibly undecoded.
 *
 * @param wall Unix ms
 * @param at when the scrape began, Unix ms, with playout times; undefined without
 */
export function dueSnapshot(
  { snapshots, playout }: Pick<Target, 'snapshots' | 'playout'>,
  wall: number,
  at: number | undefined,
): Snapshot | undefined {
  if (at === undefined) return snapshots[playedAt(snapshots, wall, playout)]
  const { shown } = playout.times
  const then = snapshots[timedAt(snapshots, at)]
  if (then && at < wall && then.playoutAt <= at && Number.isFinite(shown)) return then
  // The clock of the previous owner may have been ahead.
  return snapshots[timedAt(snapshots, Math.max(wall, shown))]
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
  // If the producer's clock is ahead, its snapshots become due later, and more are held. So are
  // those that became due later before D was shortened.
  const ahead = Math.max(0, newest.collectedAt - wall)
  const waiting = Math.max(playout.delay + ahead, newest.playoutAt - wall)
  const most = Math.min(MAX_HELD, Math.ceil(waiting / newest.intervalMs) + SPARE)
  let exposed = playedAt(snapshots, wall, playout)
  if (Number.isFinite(playout.times.shown)) {
    // A scrape with playout times that is held needs what was due when it began.
    const due = snapshots[timedAt(snapshots, wall)].playoutAt
    exposed = Math.min(exposed, timedAt(snapshots, due - 1))
  }
  const gone = Math.max(exposed, snapshots.length - most)
  return gone > 0 ? snapshots.splice(0, gone) : []
}
