import type { Instant } from '../../../../shared/base/clock.js'
import { bookWritten } from '../../booking.js'
import type { SampleDrop, Span } from '../../history/history.js'
import type { TargetState } from '../../judge.js'
import type { Shard } from '../../shard.js'
import type { Snapshot } from '../../store/snapshot.js'
import type { Target } from '../../target.js'

/** What a scrape shows of one target. */
export interface Chosen {
  readonly target: Target
  readonly state: TargetState
  /** Ascending by collection; without a span the newest alone. A failed collection is the last, if it is among them. */
  readonly snapshots: readonly Snapshot[]
}

export interface Choice {
  readonly chosen: readonly Chosen[]
  /** What waited for this scraper and cannot be shown to it, in samples. */
  readonly left: ReadonlyMap<SampleDrop, number>
}

/**
 * Chooses for all targets at one moment, and acquires what it chose: a scrape never mixes two moments, however long it is being
 * written. All is to be released by `releaseChosen`.
 */
export function choose(shard: Shard, span: Span | undefined, now: Instant): Choice {
  const chosen: Chosen[] = []
  const left = new Map<SampleDrop, number>()
  for (const target of shard.targets()) {
    const { state } = shard.judge(target, now)
    if (state === 'replaying') continue
    const oldest = span ? now.wall - shard.options.historyMaxAgeMs : Number.NEGATIVE_INFINITY
    const snapshots = span ? ascending(shard.history.waiting(target, span), oldest, left) : []
    const { newest } = target
    const last = snapshots.at(-1)?.collectedAt ?? Number.NEGATIVE_INFINITY
    // Who is up is always in it: a series that is missing looks gone. Who is not is in it with what has not been seen yet.
    if (state === 'up' && newest && newest.collectedAt >= oldest && newest.collectedAt > last) {
      snapshots.push(newest)
    }
    // A failed collection has no samples, but whether it was reported is booked.
    if (state === 'failed' && newest) snapshots.push(newest)
    for (const snapshot of snapshots) shard.store.acquire(snapshot)
    chosen.push({ target, state, snapshots })
  }
  return { chosen, left }
}

/** @param written whether all of the scrape reached the scraper's socket */
export function releaseChosen(shard: Shard, chosen: readonly Chosen[], written: boolean): void {
  for (const { snapshots } of chosen) {
    for (const snapshot of snapshots) {
      if (written) bookWritten(snapshot)
      shard.store.release(snapshot)
    }
  }
}

/** Prometheus refuses what is not later than the sample before it in the same scrape, and all of a scrape for one too old. */
function ascending(waiting: readonly Snapshot[], oldest: number, left: Map<SampleDrop, number>): Snapshot[] {
  const kept: Snapshot[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const snapshot of waiting) {
    const { collectedAt, series } = snapshot
    const reason = collectedAt < oldest ? 'too_old' : collectedAt <= last ? 'not_ascending' : undefined
    if (reason) {
      left.set(reason, (left.get(reason) ?? 0) + series)
      continue
    }
    kept.push(snapshot)
    last = collectedAt
  }
  return kept
}
