import type { Steps } from '../../shared/base/steps.js'
import { flatCopy } from '../../shared/exposition/layout-text.js'
import { ExpiryQueue } from './expiry-queue.js'
import type { GroupTable } from './group-table.js'
import type { IngestedFamily, IngestedValue } from './ingested-family.js'
import { textsOf } from './series-text.js'
import type { PushedFamily } from './types.js'

const SERIES_PER_STEP = 500
const SERIES_OVERHEAD = 220

interface Due {
  readonly family: IngestedFamily
  readonly text: string
}

/** All series that were pushed to `/ingest`. */
export class IngestedSeries {
  readonly families = new Map<string, IngestedFamily>()
  readonly #queue = new ExpiryQueue<Due>()
  #size = 0
  #bytes = 0

  constructor(private readonly table: GroupTable) {}

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether any series can expire. */
  get canExpire(): boolean {
    return this.#queue.size > 0
  }

  /**
   * Stores the series of a family.
   *
   * @param expiresAt log time, Unix ms; Infinity: never
   */
  *set(pushed: PushedFamily, expiresAt: number, since: number): Steps<void> {
    const family = this.#familyOf(pushed, since)
    let i = 0
    for (const text of textsOf(pushed)) {
      this.#setOne(family, text, pushed.values[i], expiresAt)
      if (++i % SERIES_PER_STEP === 0) yield
    }
  }

  /** A family of a snapshot. Its series follow. */
  restoreFamily({ name, type, help, since }: IngestedFamily): IngestedFamily {
    return this.#familyOf({ name, type, help }, since)
  }

  restore(family: IngestedFamily, text: string, { value, expiresAt }: IngestedValue): void {
    this.#setOne(family, text, value, expiresAt)
  }

  /** Removes what is due. @returns the number of removed series */
  *expire(now: number): Steps<number> {
    let removed = 0
    let seen = 0
    for (let due = this.#queue.next(now); due; due = this.#queue.next(now)) {
      const value = due.family.series.get(due.text)
      if (value && value.expiresAt > now) {
        if (value.expiresAt !== Number.POSITIVE_INFINITY) this.#queue.add(value.expiresAt, due)
      } else if (value) {
        this.#remove(due.family, due.text)
        removed++
      }
      if (++seen % SERIES_PER_STEP === 0) yield
    }
    return removed
  }

  *clear(): Steps<void> {
    let seen = 0
    for (const family of [...this.families.values()])
      for (const text of [...family.series.keys()]) {
        this.#remove(family, text)
        if (++seen % SERIES_PER_STEP === 0) yield
      }
  }

  #setOne(family: IngestedFamily, text: string, value: number, expiresAt: number): void {
    const known = family.series.get(text)
    if (known) {
      const isQueued = known.expiresAt !== Number.POSITIVE_INFINITY
      const isEarlier = expiresAt < known.expiresAt
      this.#beforeSeries(family, text)
      family.series.set(text, { value, expiresAt })
      if (isEarlier || (!isQueued && expiresAt !== Number.POSITIVE_INFINITY))
        this.#queue.add(expiresAt, { family, text })
      return
    }
    const own = flatCopy(text)
    this.#beforeSeries(family, own)
    family.series.set(own, { value, expiresAt })
    this.#size++
    this.#bytes += SERIES_OVERHEAD + own.length
    if (expiresAt !== Number.POSITIVE_INFINITY) this.#queue.add(expiresAt, { family, text: own })
  }

  #familyOf(
    { name, type, help }: Pick<PushedFamily, 'name' | 'type' | 'help'>,
    since: number,
  ): IngestedFamily {
    const entry = this.table.entry(name)
    this.table.beforeEntry(entry)
    const family = entry.ingested ?? { name, type, help, since, series: new Map() }
    family.type = type
    family.help = help
    entry.setIngested(family)
    this.families.set(name, family)
    this.table.settle(entry)
    return family
  }

  #beforeSeries(family: IngestedFamily, text: string): void {
    for (const reader of this.table.readers) reader.beforeSeries?.(family, text)
  }

  #remove(family: IngestedFamily, text: string): void {
    this.#beforeSeries(family, text)
    family.series.delete(text)
    this.#size--
    this.#bytes -= SERIES_OVERHEAD + text.length
    if (family.series.size > 0) return
    const entry = this.table.entry(family.name)
    this.table.beforeEntry(entry)
    entry.setIngested(undefined)
    this.families.delete(family.name)
    this.table.settle(entry)
  }
}
