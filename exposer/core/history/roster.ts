import { hashOf } from '../../../shared/base/murmur2.js'

interface Place<T> {
  readonly value: T
  /** Monotonic ms of the last scrape. */
  seenAt: number
  /** Time between scrapes, ms; undefined before the second one. */
  interval: number | undefined
  /** Responses in progress. */
  open: number
}

/** A scraper is active for this many of its intervals after its last scrape. */
const ACTIVE_INTERVALS = 3
/** Names without a place that are recognized when they come again. */
const MAX_REMEMBERED = 4096

/**
 * Places for a bounded number of scrapers by name, when anybody may invent names.
 *
 * A known scraper keeps its place. A new name takes the place of the least recently seen one: first
 * of names seen once, then of scrapers that are not active. A scraper is active during a response,
 * and for three intervals after its last scrape. A name that had to leave its place before its
 * second scrape is remembered, so that a flood of names keeps no regular scraper from becoming
 * active.
 */
export class Roster<T> {
  /** Requests of new names that had no place, because all scrapers were active. */
  refused = 0
  /** Scrapers that left their place to another name. */
  replaced = 0
  /** Least recently seen first. */
  readonly #places = new Map<string, Place<T>>()
  /** Monotonic ms of the last scrape of names without a place, by their hash; oldest first. */
  readonly #remembered = new Map<number, number>()

  /** @param onLeft called with the value of each scraper that leaves its place to another */
  constructor(
    private readonly maxPlaces: number,
    private readonly onLeft: (value: T) => void = () => {},
  ) {}

  get size(): number {
    return this.#places.size
  }

  get names(): string[] {
    return [...this.#places.keys()]
  }

  *values(): Generator<T> {
    for (const { value } of this.#places.values()) yield value
  }

  get(name: string): T | undefined {
    return this.#places.get(name)?.value
  }

  /**
   * A scrape begins; `close` is called once at its end.
   *
   * @param create the value of a new scraper
   * @returns undefined if there is no place
   */
  open(name: string, mono: number, create: () => T): T | undefined {
    const known = this.#places.get(name)
    if (known) {
      const gap = mono - known.seenAt
      // A single repetition does not make a regular scraper look inactive.
      known.interval = Math.max(gap, (known.interval ?? 0) / 2)
      known.seenAt = mono
      known.open++
      this.#places.delete(name)
      this.#places.set(name, known)
      return known.value
    }
    if (this.#places.size >= this.maxPlaces && !this.#vacate(mono)) {
      this.refused++
      this.#remember(name, mono)
      return undefined
    }
    const hash = hashOf(Buffer.from(name))
    const last = this.#remembered.get(hash)
    this.#remembered.delete(hash)
    const value = create()
    const interval = last === undefined ? undefined : mono - last
    this.#places.set(name, { value, seenAt: mono, interval, open: 1 })
    return value
  }

  /**
   * Adds a scraper that another shard knew.
   *
   * @param seenAt monotonic ms of its last scrape there
   * @returns its value, or that of the known scraper of this name; undefined if there is no place
   */
  restore(name: string, seenAt: number, create: () => T): T | undefined {
    const known = this.#places.get(name)
    if (known) return known.value
    if (this.#places.size >= this.maxPlaces) return undefined
    const value = create()
    this.#places.set(name, { value, seenAt, interval: undefined, open: 0 })
    return value
  }

  *entries(): Generator<[string, T, number]> {
    for (const [name, { value, seenAt }] of this.#places) yield [name, value, seenAt]
  }

  close(name: string): void {
    const place = this.#places.get(name)
    if (place) place.open--
  }

  /** Removes and returns the values of scrapers without a scrape for `maxAgeMs`. */
  expire(mono: number, maxAgeMs: number): T[] {
    const gone: T[] = []
    for (const [name, { value, seenAt, open }] of this.#places) {
      if (mono - seenAt <= maxAgeMs) break
      if (open > 0) continue
      this.#places.delete(name)
      gone.push(value)
    }
    return gone
  }

  /** Frees a place, if one scraper is not active. */
  #vacate(mono: number): boolean {
    let victim: string | undefined
    for (const [name, { seenAt, interval, open }] of this.#places) {
      if (open > 0) continue
      if (interval === undefined) {
        victim = name
        break
      }
      if (victim === undefined && mono - seenAt > ACTIVE_INTERVALS * interval) victim = name
    }
    if (victim === undefined) return false
    const { value, seenAt } = this.#places.get(victim)!
    this.#places.delete(victim)
    this.#remember(victim, seenAt)
    this.replaced++
    this.onLeft(value)
    return true
  }

  #remember(name: string, mono: number): void {
    const hash = hashOf(Buffer.from(name))
    this.#remembered.delete(hash)
    this.#remembered.set(hash, mono)
    if (this.#remembered.size <= MAX_REMEMBERED) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest)
  }
}
