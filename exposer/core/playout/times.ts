import type { Snapshot } from '../store/snapshot.js'
import { MAX_HELD } from './bounds.js'

/** A playout time from another shard is not above its own time by more than this, ms. */
const MAX_AHEAD_MS = 150_000
/** A snapshot whose successor is due within this share of an interval is not exposed. */
const LEAST_SHARE = 1 / 2
/** After D became shorter, the next exposed snapshot is due after this share of an interval. */
const SHARE_AFTER_SHORTER = 15 / 16

/** What the next owner of a partition needs, so that a snapshot keeps its playout time. */
export interface PlayoutTimesState {
  /** Newest playout time, Unix ms; null before the first. */
  readonly last: number | null
  /** Newest playout time that was exposed, Unix ms; null before the first. */
  readonly shown: number | null
  /** Offsets and playout times of the held snapshots; null for one that is not exposed. */
  readonly held: readonly (readonly [offset: number, at: number | null])[]
  /** As `PlayoutTimes.#shorter`; undefined for `no`. */
  readonly shorter?: 'decided' | 'begun' | undefined
}

/** A snapshot that has arrived. */
export interface Arrival {
  readonly offset: number
  /** Unix ms by the producer's clock. */
  readonly collectedAt: number
  /** Unix ms by this shard's clock; the append time for a replayed snapshot. */
  readonly arrivedAt: number
  readonly intervalMs: number
  /** Final values are not left out. */
  readonly end: boolean
}

/**
 * The playout times of the snapshots of one target: collection time + D, as D was when the snapshot
 * arrived. A snapshot has one playout time for all scrapers, and is exposed with timestamps when
 * that time has come. Playout times ascend, across runs too, and none is before the arrival of its
 * snapshot: Prometheus may have written stale markers until then.
 */
export class PlayoutTimes {
  #last = Number.NEGATIVE_INFINITY
  /** Newest playout time that was exposed. */
  #shown = Number.NEGATIVE_INFINITY
  /** Whether D became shorter, and whether a snapshot was left out since then. */
  #shorter: 'no' | 'decided' | 'begun' = 'no'
  /** Playout times by offset, from the previous owner; null once they are not needed any more. */
  #handed: ReadonlyMap<number, number> | null = null
  /** The newest of these offsets; −1 without any. */
  #handedUntil = -1

  /** Newest playout time that was exposed, Unix ms; −Infinity before the first. */
  get shown(): number {
    return this.#shown
  }

  /**
   * D became shorter, across the phase of a scrape: that scraper skips a snapshot. The next ones are
   * therefore left out for all scrapers, until one is due an interval after the last one.
   */
  shorten(): void {
    this.#shorter = 'decided'
  }

  /**
   * The playout time of the next snapshot, Unix ms; Infinity if it is left out.
   *
   * @param delay D, ms
   * @param begins whether no earlier snapshot is exposed any more: this one is due at once
   */
  of(arrival: Arrival, delay: number, begins: boolean): number {
    const { offset, collectedAt, arrivedAt, intervalMs, end } = arrival
    if (offset <= this.#handedUntil)
      return this.#handed?.get(offset) ?? Math.min(collectedAt, arrivedAt)
    this.#handed = null
    // What was not due before the target went down was not exposed.
    const before = begins ? this.#shown : this.#last
    const due = begins ? arrivedAt : Math.max(arrivedAt, collectedAt + delay)
    if (begins || end || this.#shorter === 'no') this.#shorter = 'no'
    else if (this.#shorter === 'decided' || due < before + intervalMs * SHARE_AFTER_SHORTER) {
      this.#shorter = 'begun'
      return Number.POSITIVE_INFINITY
    } else this.#shorter = 'no'
    this.#last = Math.ceil(Math.max(due, before + 1))
    return this.#last
  }

  /**
   * A snapshot has arrived after `previous`, which is left out if it would be replaced before most
   * scrapers come, as after a restart of the application: one that comes in between would store a
   * sample that others do not have.
   */
  skip(previous: Snapshot, next: Arrival & { readonly playoutAt: number }): void {
    if (previous.playoutAt <= Math.max(next.arrivedAt, this.#shown)) return
    if (next.playoutAt === Number.POSITIVE_INFINITY) return
    const interval = Math.min(previous.intervalMs, next.intervalMs)
    if (next.playoutAt - previous.playoutAt < interval * LEAST_SHARE)
      previous.playoutAt = Number.POSITIVE_INFINITY
  }

  /**
   * A snapshot is being exposed with its playout time.
   *
   * After a replay without a handover, the first one gets the current time: the playout times that
   * scrapers have seen are not known, and Prometheus has written stale markers in the meantime.
   *
   * @param wall Unix ms
   */
  expose(snapshot: Snapshot, wall: number): void {
    const isFirst = this.#shown === Number.NEGATIVE_INFINITY && snapshot.fate === 'outside'
    // It is exposed early if nothing older is held, as when memory is short.
    const isEarly = snapshot.playoutAt > Math.max(wall, this.#shown)
    if (isFirst || isEarly) snapshot.playoutAt = Math.ceil(Math.max(wall, this.#shown + 1))
    this.#shown = Math.max(this.#shown, snapshot.playoutAt)
    this.#last = Math.max(this.#last, snapshot.playoutAt)
  }

  state(snapshots: readonly Snapshot[]): PlayoutTimesState {
    return {
      last: finite(this.#last),
      shown: finite(this.#shown),
      held: snapshots.map(({ offset, playoutAt }) => [offset, finite(playoutAt)]),
      shorter: this.#shorter === 'no' ? undefined : this.#shorter,
    }
  }

  /**
   * Continues as the previous owner of the target, unless a snapshot was exposed here already.
   *
   * @param wall Unix ms
   */
  resume({ last, shown, held, shorter }: PlayoutTimesState, wall: number): void {
    if (this.#shown !== Number.NEGATIVE_INFINITY) return
    this.#shorter = shorter ?? 'no'
    const bounded = (at: number | null, none: number) =>
      at === null ? none : Math.min(at, wall + MAX_AHEAD_MS)
    this.#last = bounded(last, Number.NEGATIVE_INFINITY)
    this.#shown = bounded(shown, Number.NEGATIVE_INFINITY)
    this.#handed = new Map(
      held.map(([offset, at]) => [offset, bounded(at, Number.POSITIVE_INFINITY)]),
    )
    this.#handedUntil = held.at(-1)?.[0] ?? -1
  }

  /**
   * Gives snapshots that arrived before `resume` the playout times that they would have after.
   *
   * @param delay D, ms
   */
  retime(snapshots: readonly Snapshot[], delay: number): void {
    if (!this.#handed) return
    for (const [i, snapshot] of snapshots.entries()) {
      if (snapshot.failure !== null) continue
      const arrivedAt = snapshot.fate === 'outside' ? snapshot.appendedAt : snapshot.appliedAt
      const arrival = { ...snapshot, arrivedAt }
      snapshot.playoutAt = this.of(arrival, delay, false)
      if (i > 0) this.skip(snapshots[i - 1]!, { ...arrival, playoutAt: snapshot.playoutAt })
    }
  }
}

/** Whether a value from another shard is a state within the bounds of one. */
export function isPlayoutTimesState(value: unknown): value is PlayoutTimesState {
  if (typeof value !== 'object' || value === null) return false
  const { last, shown, held, shorter } = value as PlayoutTimesState
  return (
    (last === null || isTime(last)) &&
    (shown === null || isTime(shown)) &&
    (shorter === undefined || shorter === 'decided' || shorter === 'begun') &&
    Array.isArray(held) &&
    held.length <= MAX_HELD &&
    held.every(
      entry =>
        Array.isArray(entry) &&
        Number.isSafeInteger(entry[0]) &&
        entry[0] >= 0 &&
        (entry[1] === null || isTime(entry[1])),
    )
  )
}

const isTime = (value: unknown) =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
const finite = (at: number) => (Number.isFinite(at) ? at : null)
