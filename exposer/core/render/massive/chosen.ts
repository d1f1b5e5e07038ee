import type { Instant } from '../../../../shared/base/clock.js'
import { bookWritten } from '../../booking.js'
import type { SampleDrop, Span } from '../../history/history.js'
import type { TargetState } from '../../judge.js'
import type { Shard } from '../../shard.js'
import type { Snapshot } from '../../store/snapshot.js'
import type { Target } from '../../target.js'

/** The snapshots of one target in a scrape. */
export interface Chosen {
  readonly target: Target
  readonly state: TargetState
  /**
   * Ascending by collection time; without a span the newest only. A failed collection can only be
   * the last.
   */
  readonly snapshots: readonly Snapshot[]
}

export interface Choice {
  readonly chosen: readonly Chosen[]
  /** Samples held for this scraper that cannot be exposed to it, by reason. */
  readonly omitted: ReadonlyMap<SampleDrop, number>
}

/**
 * Chooses and acquires the snapshots of all targets at one time, so that a response is consistent
 * however long it takes. The caller releases them with `releaseChosen`.
 */
export function choose(shard: Shard, span: Span | undefined, now: Instant): Choice {
  const chosen: Chosen[] = []
  const omitted = new Map<SampleDrop, number>()
  for (const target of shard.targets()) {
    const { state } = shard.judge(target, now)
    if (state === 'replaying') continue
    const oldest = span ? now.wall - shard.options.historyMaxAgeMs : Number.NEGATIVE_INFINITY
    const snapshots = span ? ascending(shard.history.unseen(target, span), oldest, omitted) : []
    const { newest } = target
    const last = snapshots.at(-1)?.collectedAt ?? Number.NEGATIVE_INFINITY
    // A target that is up is always exposed, because Prometheus writes stale markers for missing
    // series. One that is not up is exposed with its unseen snapshots only.
    if (state === 'up' && newest && newest.collectedAt >= oldest && newest.collectedAt > last) {
      snapshots.push(newest)
    }
    // A failed collection has no samples; it is chosen so that its exposition is booked.
    if (state === 'failed' && newest) snapshots.push(newest)
    for (const snapshot of snapshots) shard.store.acquire(snapshot)
    chosen.push({ target, state, snapshots })
  }
  return { chosen, omitted }
}

/** @param written whether the whole response was written to the socket */
export function releaseChosen(shard: Shard, chosen: readonly Chosen[], written: boolean): void {
  for (const { snapshots } of chosen) {
    for (const snapshot of snapshots) {
      if (written) bookWritten(snapshot)
      shard.store.release(snapshot)
    }
  }
}

/**
 * Omits snapshots that Prometheus would reject: it rejects samples that are not later than the
 * previous one of the scrape, and a whole scrape with one sample that is too old.
 */
function ascending(
  unseen: readonly Snapshot[],
  oldest: number,
  omitted: Map<SampleDrop, number>,
): Snapshot[] {
  const kept: Snapshot[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const snapshot of unseen) {
    const { collectedAt, series } = snapshot
    const reason =
      collectedAt < oldest ? 'too_old' : collectedAt <= last ? 'not_ascending' : undefined
    if (reason) {
      omitted.set(reason, (omitted.get(reason) ?? 0) + series)
      continue
    }
    kept.push(snapshot)
    last = collectedAt
  }
  return kept
}
