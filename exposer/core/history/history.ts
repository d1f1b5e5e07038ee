import type { Instant } from '../../../shared/base/clock.js'
import type { Snapshot } from '../store/snapshot.js'
import type { Store } from '../store/store.js'
import type { Target } from '../target.js'
import { Roster } from './roster.js'

export interface HistoryOptions {
  /**
   * Maximum age of exposed samples, and the time without a scrape until a scraper is removed, ms.
   */
  readonly maxAgeMs: number
  /** Maximum bytes of the held values. */
  readonly maxBytes: number
  /** Maximum number of scrapers. */
  readonly maxScrapers: number
}

/** Why samples were held for a scraper of the view `all` and not exposed to it. */
export type SampleDrop =
  | 'too_old'
  | 'history_full'
  | 'moved'
  | 'forgotten'
  | 'scraper_gone'
  | 'not_ascending'

/** The snapshots of one scrape: those after position `from` up to `to`, in order of arrival. */
export interface Span {
  readonly scraper: string
  readonly from: number
  readonly to: number
}

/** Progress of one scraper. */
interface Cursor {
  /** Position of the last snapshot that was written to it. */
  position: number
}

interface Entry {
  readonly position: number
  readonly target: Target
  /** Null after its release. */
  snapshot: Snapshot | null
}

/** Estimated bytes of an entry itself. */
const OVERHEAD = 256
/**
 * Entries released per call: each takes about a microsecond, and there may be hundreds of
 * thousands.
 */
const STEP = 2000
/** Delivered entries released per added one. More than one, so that their number decreases. */
const STEP_PER_ENTRY = 2

/**
 * Snapshots since the last scrape of the slowest scraper of the view `all`, in order of arrival.
 * They are held only while there are scrapers, bounded in scrapers, age and bytes. Samples that are
 * dropped before a scraper has received them are counted once for each such scraper.
 */
export class History {
  /** Dropped samples by reason. */
  readonly dropped = new Map<SampleDrop, number>()
  /** Bytes of the held values. */
  bytes = 0
  readonly #cursors: Roster<Cursor>
  readonly #byTarget = new Map<Target, Entry[]>()
  #queue: Entry[] = []
  /** Index of the first entry in the queue; those before it are released. */
  #head = 0
  #last = 0

  constructor(
    private readonly options: HistoryOptions,
    private readonly store: Store,
  ) {
    this.#cursors = new Roster(options.maxScrapers, cursor => this.#countUnseen(cursor))
  }

  get scrapers(): readonly string[] {
    return this.#cursors.names
  }

  /** Scrapes refused because there was no place for another scraper. */
  get refusedScrapers(): number {
    return this.#cursors.refused
  }

  /** Scrapers that left their place to another one. */
  get replacedScrapers(): number {
    return this.#cursors.replaced
  }

  /** Number of held snapshots. */
  get length(): number {
    return this.#queue.length - this.#head
  }

  /** A snapshot has been applied. */
  add(target: Target, snapshot: Snapshot): void {
    if (this.#cursors.size === 0) return
    const entry = { position: ++this.#last, target, snapshot }
    this.store.acquire(snapshot)
    this.bytes += bytesOf(snapshot)
    this.store.memory.history += OVERHEAD
    this.#queue.push(entry)
    const list = this.#byTarget.get(target)
    if (list) list.push(entry)
    else this.#byTarget.set(target, [entry])
    this.#trim(STEP_PER_ENTRY)
    while (this.bytes > this.options.maxBytes) this.#dropFirst('history_full')
  }

  /**
   * Begins a scrape; `close` is called once at its end. Undefined when the maximum number of
   * scrapers is reached and all of them are active.
   */
  open(scraper: string, now: Instant): Span | undefined {
    // A new scraper has no held snapshots: it is shown the newest, and from then on all.
    const cursor = this.#cursors.open(scraper, now.mono, () => ({ position: this.#last }))
    return cursor && { scraper, from: cursor.position, to: this.#last }
  }

  /** Ends a scrape, whether it was acknowledged or not. */
  close({ scraper }: Span): void {
    this.#cursors.close(scraper)
  }

  /** Snapshots of the target that were not written to the scraper yet, in order of arrival. */
  unseen(target: Target, { from, to }: Span): Snapshot[] {
    const found: Snapshot[] = []
    for (const { position, snapshot } of this.#byTarget.get(target) ?? []) {
      if (position > from && position <= to && snapshot) found.push(snapshot)
    }
    return found
  }

  /** Moves the scraper's position after a response was completely written to its socket. */
  acknowledge({ scraper, to }: Span): void {
    const cursor = this.#cursors.get(scraper)
    if (!cursor) return
    cursor.position = Math.max(cursor.position, to)
    this.#trim(STEP)
  }

  /**
   * Removes inactive scrapers and releases snapshots that are too old. To be called about once a
   * second.
   */
  sweep(now: Instant): void {
    for (const gone of this.#cursors.expire(now.mono, this.options.maxAgeMs))
      this.#countUnseen(gone)
    const oldest = now.wall - this.options.maxAgeMs
    for (let left = STEP; left > 0 && this.length > 0; left--) {
      if ((this.#first.snapshot?.collectedAt ?? 0) >= oldest) break
      this.#dropFirst('too_old')
    }
    this.#trim(STEP)
  }

  /** Releases all snapshots of a target that was removed from the shard. */
  forget(target: Target, reason: SampleDrop): void {
    for (const entry of this.#byTarget.get(target) ?? []) {
      this.#countMissed(entry, reason)
      this.#release(entry)
    }
    this.#byTarget.delete(target)
  }

  drop(reason: SampleDrop, samples: number): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + samples)
  }

  get #first(): Entry {
    return this.#queue[this.#head]
  }

  /** Releases up to `max` snapshots that were written to all scrapers. */
  #trim(max: number): void {
    // Snapshots up to this position were written to all scrapers.
    let seen = Number.POSITIVE_INFINITY
    for (const { position } of this.#cursors.values()) seen = Math.min(seen, position)
    for (let left = max; left > 0 && this.length > 0 && this.#first.position <= seen; left--)
      this.#shift()
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

  #release(entry: Entry): void {
    const { snapshot } = entry
    if (!snapshot) return
    entry.snapshot = null
    this.bytes -= bytesOf(snapshot)
    this.store.memory.history -= OVERHEAD
    this.store.release(snapshot)
  }

  #countMissed({ position, snapshot }: Entry, reason: SampleDrop): void {
    if (!snapshot) return
    let scrapers = 0
    for (const cursor of this.#cursors.values()) if (cursor.position < position) scrapers++
    if (scrapers > 0) this.drop(reason, scrapers * snapshot.series)
  }

  #countUnseen(cursor: Cursor): void {
    let samples = 0
    // From the end: a scraper that leaves its place soon after it came has seen almost all.
    for (let i = this.#queue.length - 1; i >= this.#head; i--) {
      const { position, snapshot } = this.#queue[i]
      if (position <= cursor.position) break
      if (snapshot) samples += snapshot.series
    }
    if (samples > 0) this.drop('scraper_gone', samples)
  }
}

/**
 * From the number of series, which is constant; arrays may be decoded between addition and release.
 */
const bytesOf = (snapshot: Snapshot) => OVERHEAD + 8 * snapshot.series
