import type { Instant } from '../../../shared/base/clock.js'
import type { Snapshot } from '../store/snapshot.js'
import type { Store } from '../store/store.js'
import type { Target } from '../target.js'
import { type Cursor, Cursors } from './cursors.js'

export interface HistoryOptions {
  /** Nothing older is shown, and who has not asked for so long is forgotten, ms. */
  readonly maxAgeMs: number
  /** What the values of all that waits may take together. */
  readonly maxBytes: number
  /** Scrapers that have a cursor at the same time. */
  readonly maxScrapers: number
}

/** Why samples were not shown to a scraper of the view `all` that waited for them. */
export type SampleDrop = 'too_old' | 'history_full' | 'moved' | 'forgotten' | 'scraper_gone' | 'not_ascending'

/** What a scrape may see: everything after `from` up to `to`, both positions in the order of arrival. */
export interface Span {
  readonly scraper: string
  readonly from: number
  readonly to: number
}

interface Entry {
  readonly at: number
  readonly target: Target
  /** Null when it is not held any more. */
  snapshot: Snapshot | null
}

/** An entry's own objects, about. */
const OVERHEAD = 256
/** Entries released at once: each takes about a microsecond, and hundreds of thousands may wait. */
const STEP = 2000
/** With each that comes, so many that everybody has had go: what waits cannot become more than is wanted. */
const STEP_OF_ONE = 2

/**
 * What arrived since the slowest scraper of the view `all` was there, in the order of arrival. Kept only while there are such
 * scrapers; bounded by their number, by age and by bytes. What is dropped before a scraper has had it is counted, once for each such scraper.
 */
export class History {
  readonly dropped = new Map<SampleDrop, number>()
  /** Bytes of the values that wait. */
  bytes = 0
  readonly #cursors: Cursors
  readonly #byTarget = new Map<Target, Entry[]>()
  #queue: Entry[] = []
  /** Where the queue begins; what lies before has been let go. */
  #head = 0
  #last = 0

  constructor(
    private readonly options: HistoryOptions,
    private readonly store: Store,
  ) {
    this.#cursors = new Cursors(options)
  }

  get scrapers(): readonly string[] {
    return this.#cursors.names
  }

  /** Snapshots that wait. */
  get length(): number {
    return this.#queue.length - this.#head
  }

  /** A snapshot has been applied. */
  add(target: Target, snapshot: Snapshot): void {
    if (this.#cursors.size === 0) return
    const entry = { at: ++this.#last, target, snapshot }
    this.store.acquire(snapshot)
    this.bytes += bytesOf(snapshot)
    this.store.memory.history += OVERHEAD
    this.#queue.push(entry)
    const list = this.#byTarget.get(target)
    if (list) list.push(entry)
    else this.#byTarget.set(target, [entry])
    this.#trim(STEP_OF_ONE)
    while (this.bytes > this.options.maxBytes) this.#dropFirst('history_full')
  }

  /** A scrape begins. Undefined: too many others have a cursor. */
  open(scraper: string, now: Instant): Span | undefined {
    // Who is new is shown the newest, and from now on all.
    const cursor = this.#cursors.get(scraper) ?? this.#cursors.add(scraper, this.#last)
    if (!cursor) return undefined
    cursor.askedAt = now.mono
    return { scraper, from: cursor.at, to: this.#last }
  }

  /** What of the target this scrape is the first to see, ascending by arrival. */
  waiting(target: Target, { from, to }: Span): Snapshot[] {
    const found: Snapshot[] = []
    for (const { at, snapshot } of this.#byTarget.get(target) ?? []) {
      if (at > from && at <= to && snapshot) found.push(snapshot)
    }
    return found
  }

  /** All of the scrape reached the scraper's socket: it is not shown that again. */
  written({ scraper, to }: Span): void {
    const cursor = this.#cursors.get(scraper)
    if (!cursor) return
    cursor.at = Math.max(cursor.at, to)
    this.#trim(STEP)
  }

  /** Forgets who does not ask any more, and lets go of what has become too old. To be called now and then. */
  sweep(now: Instant): void {
    for (const gone of this.#cursors.expire(now.mono)) this.#countUnseen(gone)
    const oldest = now.wall - this.options.maxAgeMs
    for (let left = STEP; left > 0 && this.length > 0; left--) {
      if ((this.#first.snapshot?.collectedAt ?? 0) >= oldest) break
      this.#dropFirst('too_old')
    }
    this.#trim(STEP)
  }

  /** The target is not held any more. */
  forget(target: Target, reason: SampleDrop): void {
    for (const entry of this.#byTarget.get(target) ?? []) this.#letGo(entry, reason)
    this.#byTarget.delete(target)
  }

  drop(reason: SampleDrop, samples: number): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + samples)
  }

  get #first(): Entry {
    return this.#queue[this.#head]
  }

  /** Lets go of what every scraper has had, as many at a time as the event loop can spare. */
  #trim(most: number): void {
    const seen = this.#cursors.slowest
    for (let left = most; left > 0 && this.length > 0 && this.#first.at <= seen; left--) this.#shift()
  }

  #dropFirst(reason: SampleDrop): void {
    this.#countMissed(this.#first, reason)
    this.#shift()
  }

  #shift(): void {
    const entry = this.#queue[this.#head++]
    if (entry.snapshot) {
      const list = this.#byTarget.get(entry.target)!
      list.shift()
      if (list.length === 0) this.#byTarget.delete(entry.target)
      this.#release(entry)
    }
    if (this.#head < 1024 || this.#head * 2 < this.#queue.length) return
    this.#queue = this.#queue.slice(this.#head)
    this.#head = 0
  }

  #letGo(entry: Entry, reason: SampleDrop): void {
    if (!entry.snapshot) return
    this.#countMissed(entry, reason)
    this.#release(entry)
  }

  #release(entry: Entry): void {
    const { snapshot } = entry
    if (!snapshot) return
    entry.snapshot = null
    this.bytes -= bytesOf(snapshot)
    this.store.memory.history -= OVERHEAD
    this.store.release(snapshot)
  }

  #countMissed({ at, snapshot }: Entry, reason: SampleDrop): void {
    if (!snapshot) return
    const scrapers = this.#cursors.behind(at)
    if (scrapers > 0) this.drop(reason, scrapers * snapshot.series)
  }

  #countUnseen(cursor: Cursor): void {
    let samples = 0
    for (let i = this.#head; i < this.#queue.length; i++) {
      const { at, snapshot } = this.#queue[i]
      if (at > cursor.at && snapshot) samples += snapshot.series
    }
    if (samples > 0) this.drop('scraper_gone', samples)
  }
}

/** By the number of series and not by the arrays, which may be decoded later: what is added is what is taken away. */
const bytesOf = (snapshot: Snapshot) => OVERHEAD + 8 * snapshot.series
