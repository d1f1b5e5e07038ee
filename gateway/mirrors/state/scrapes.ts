import type { Origin } from './made.js'
import { FIRST_WAIT_MS } from './options.js'

/** A scrape of which the `up` has come, and which is not published yet. */
export interface Scrape {
  /** Unix ms. */
  readonly time: number
  /** `end`: the `up` is a stale marker. */
  readonly outcome: 'success' | 'failure' | 'end'
  /** The record with the `up`, and its log time. */
  readonly origin: Origin
  /** Tells the scrapes of a target apart. */
  readonly stamp: number
}

/** Number of distances between scrapes of which the shortest is the interval. */
const DISTANCES = 5
const MIN_INTERVAL_MS = 1_000
/** The longest interval of a relayed run. */
const MAX_INTERVAL_MS = 600_000
/** Interval of a target with a single scrape. */
const UNKNOWN_INTERVAL_MS = 60_000

interface Arrival {
  readonly time: number
  readonly arrivedAt: number
  /** Whether its snapshot was made without some of its samples. */
  isIncomplete: boolean
}

/** The scrapes of one target, in order, as told by its `up`. */
export class Scrapes {
  readonly #pending: Scrape[] = []
  /** The last scrapes whose `up` arrived within the lookback, oldest first. */
  #arrivals: Arrival[] = []
  #stamp = 0
  /** Log time of the arrival of the last `up`; −∞ before the first. */
  lastArrival = Number.NEGATIVE_INFINITY

  constructor(private readonly lookbackMs: number) {}

  /** @param time above that of all scrapes before */
  add(time: number, outcome: Scrape['outcome'], origin: Origin): void {
    this.#pending.push({ time, outcome, origin, stamp: ++this.#stamp })
    if (outcome === 'end') this.lastArrival = origin.time
    else this.hear(time, origin.time)
  }

  /** An `up` has come. @param arrivedAt log time */
  hear(time: number, arrivedAt: number): void {
    this.lastArrival = arrivedAt
    const since = arrivedAt - this.lookbackMs
    this.#arrivals = this.#arrivals.filter(arrival => arrival.arrivedAt > since).slice(-DISTANCES)
    if (time > (this.#arrivals.at(-1)?.time ?? Number.NEGATIVE_INFINITY))
      this.#arrivals.push({ time, arrivedAt, isIncomplete: false })
  }

  /** Number of scrapes that were added so far. */
  get added(): number {
    return this.#stamp
  }

  /** Whether no distance between two scrapes is known. */
  get isFirst(): boolean {
    return this.#arrivals.length < 2
  }

  /** The next scrape to be published. */
  get head(): Scrape | undefined {
    return this.#pending[0]
  }

  get length(): number {
    return this.#pending.length
  }

  shift(): void {
    this.#pending.shift()
  }

  /** Whether the first scrape may still have to wait for the second. @param time log time */
  isWaiting({ origin }: Scrape, time: number): boolean {
    return (
      this.isFirst && this.#pending.at(-1)?.outcome !== 'end' && time < origin.time + FIRST_WAIT_MS
    )
  }

  /** The snapshot of the next scrape is made without some of its samples. */
  leaveIncomplete(): void {
    const time = this.head?.time
    for (const arrival of this.#arrivals) if (arrival.time === time) arrival.isIncomplete = true
  }

  /** Whether this is the time of one of the last scrapes, of which not all samples had come. */
  isIncomplete(time: number): boolean {
    return this.#arrivals.some(arrival => arrival.isIncomplete && arrival.time === time)
  }

  /** The shortest of the last distances, in whole seconds, as ms. */
  get intervalMs(): number {
    const arrivals = this.#arrivals
    if (arrivals.length < 2) return UNKNOWN_INTERVAL_MS
    let shortest = MAX_INTERVAL_MS
    for (let i = 1; i < arrivals.length; i++) {
      const seconds = Math.round((arrivals[i].time - arrivals[i - 1].time) / 1000)
      shortest = Math.min(shortest, seconds * 1000)
    }
    return Math.max(shortest, MIN_INTERVAL_MS)
  }
}
