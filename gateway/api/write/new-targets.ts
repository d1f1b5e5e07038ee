import { hashOf } from '../../../shared/base/murmur2.js'

/** Rates are averages over so many seconds. */
const AVERAGE_S = 10
/** A target is new again after at least so long without a request, ms. */
const KNOWN_MS = 10 * 60_000
/**
 * After a start all targets are new: those that come until so long after the brokers have something
 * count as known, ms. While the brokers are away, senders repeat what they sent first.
 */
const START_MS = 60_000
/** Targets of each generation, some 40 bytes each. */
const MAX_KNOWN = 1_000_000

/** Whether a request may bring its new targets. */
export type NewTargetsVerdict =
  | { readonly kind: 'admitted'; readonly count: number }
  /** So many targets are more than a request may ever bring. */
  | { readonly kind: 'tooMany'; readonly count: number; readonly most: number }
  /** Later, when fewer new targets have come. */
  | { readonly kind: 'later'; readonly count: number; readonly afterS: number }

/**
 * Limits how many new targets come per second: each costs memory, and the CPU time of its mirror,
 * which delays the mirrors of others. Targets are known by a hash: of 100,000 perhaps one or two new
 * ones are taken for known. Pure: it is handed the time.
 */
export class NewTargets {
  #recent = new Set<number>()
  #older = new Set<number>()
  #turnedAt = 0
  /** When the brokers had something first, monotonic ms. */
  #startedAt = Number.POSITIVE_INFINITY
  #left: number
  #refilledAt = 0

  /** @param perSecond on average over 10 s; 0: no limit */
  constructor(private readonly perSecond: number) {
    this.#left = this.#most
  }

  get #most(): number {
    return this.perSecond * AVERAGE_S
  }

  /** The brokers have something. @param now monotonic ms */
  onWritten(now: number): void {
    this.#startedAt = Math.min(this.#startedAt, now)
  }

  /**
   * Judges the targets of a request. What is admitted is known from then on.
   *
   * @param now monotonic ms
   */
  admit(keys: Iterable<Uint8Array>, now: number): NewTargetsVerdict {
    if (this.perSecond === 0) return { kind: 'admitted', count: 0 }
    this.#turn(now)
    const unknown: number[] = []
    for (const key of keys) {
      const hash = hashOf(key)
      if (this.#recent.has(hash)) continue
      if (this.#older.has(hash)) this.#recent.add(hash)
      else unknown.push(hash)
    }
    const count = unknown.length
    if (now - this.#startedAt >= START_MS) {
      const most = this.#most
      this.#left = Math.min(most, this.#left + ((now - this.#refilledAt) / 1000) * this.perSecond)
      this.#refilledAt = now
      if (count > most) return { kind: 'tooMany', count, most }
      if (count > this.#left)
        return { kind: 'later', count, afterS: Math.ceil((count - this.#left) / this.perSecond) }
      this.#left -= count
    }
    this.#refilledAt = now
    for (const hash of unknown) this.#recent.add(hash)
    return { kind: 'admitted', count }
  }

  #turn(now: number): void {
    if (now - this.#turnedAt < KNOWN_MS && this.#recent.size < MAX_KNOWN) return
    this.#older = this.#recent
    this.#recent = new Set()
    this.#turnedAt = now
  }
}
