import type { Instant } from '../../../shared/base/clock.js'
import { runNow, type Steps } from '../../../shared/base/steps.js'
import { scrapeBytes, wholeSize } from '../store/sizes.js'
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
  /**
   * Whether the snapshots of a replay are held for scrapers of which nothing is known, as after a
   * crash of this shard. Default: false.
   */
  readonly expectsScrapers?: boolean
}

/** Why samples were held for a scraper of the view `all` and not exposed to it. */
export type SampleDrop =
  | 'too_old'
  | 'history_full'
  | 'memory'
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
  /**
   * By partition that was taken over: offset of the first snapshot that its previous owner had not
   * written to the scraper.
   */
  readonly resumed: Map<number, number>
}

/** Progress of one scraper in one partition, as it is handed over. */
export interface HandedCursor {
  readonly scraper: string
  /** Offset of the first record whose snapshot was not written to it. */
  readonly next: number
  /** Time since its last scrape. */
  readonly idleMs: number
}

/** From where on the snapshots of a replay are held for scrapers. */
type ReplayStart = { readonly offset: number } | { readonly since: number }

interface Entry {
  readonly position: number
  readonly target: Target
  /** Null after its release. */
  snapshot: Snapshot | null
  /** Its size when it was added: it may be decoded later. */
  readonly bytes: number
  /** The next one of the same target. */
  next: Entry | null
}

/** The entries of one target, in order. A list, because there may be very many. */
interface EntryList {
  first: Entry | null
  last: Entry
}

/** Estimated bytes of an entry itself. */
const OVERHEAD = 256
/**
 * Entries released per call: each takes about a microsecond, and there may be hundreds of
 * thousands.
 */
const STEP = 1000
/**
 * Without positions of scrapers, as after a crash, the snapshots appended within this time are
 * repeated, if there are scrapers: it covers the session timeout and an interval.
 */
const REPEATED_MS = 120_000
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
  /** Partitions taken over without the position of a scraper, counted once for each scraper. */
  unknownPositions = 0
  readonly #replays = new Map<number, ReplayStart>()
  /** Position of scrapers that were known before this shard was started, while they may return. */
  #returning: { readonly position: number; readonly until: number } | null = null
  readonly #cursors: Roster<Cursor>
  /** Scrapers that have left their places, until what they have not seen is counted. */
  #leaving: Cursor[] = []
  readonly #byTarget = new Map<Target, EntryList>()
  #queue: Entry[] = []
  /** Index of the first entry in the queue; those before it are released. */
  #head = 0
  #last = 0

  constructor(
    private readonly options: HistoryOptions,
    private readonly store: Store,
  ) {
    this.#cursors = new Roster(options.maxScrapers, cursor => {
      // A scraper that leaves its place soon after it came has seen almost all.
      if (this.#last - cursor.position <= STEP) runNow(this.#countUnseen(cursor))
      else this.#leaving.push(cursor)
    })
    store.addGivingWay(() => this.#giveWay())
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
  add(snapshot: Snapshot, now: Instant): void {
    if (this.#cursors.size === 0 && !this.#returning) return
    const { target } = snapshot
    // Backfill may be too old already.
    if (snapshot.collectedAt < now.wall - this.options.maxAgeMs) {
      this.drop('too_old', this.#cursors.size * snapshot.series)
      return
    }
    const position = ++this.#last
    const bytes = bytesOf(snapshot)
    const entry: Entry = { position, target, snapshot, bytes, next: null }
    snapshot.position = position
    this.store.acquire(snapshot)
    this.bytes += bytes
    this.store.memory.add('history', OVERHEAD)
    this.store.memory.promise(scrapeBytes(snapshot), 0)
    this.#queue.push(entry)
    const list = this.#byTarget.get(target)
    if (list) {
      list.last.next = entry
      list.last = entry
    } else this.#byTarget.set(target, { first: entry, last: entry })
    this.#trim(STEP_PER_ENTRY)
    while (this.bytes > this.options.maxBytes) this.#dropFirst('history_full')
    if (this.store.memory.exceeded) this.store.makeRoom(0)
  }

  /**
   * Begins a scrape; `close` is called once at its end. Undefined when the maximum number of
   * scrapers is reached and all of them are active.
   */
  open(scraper: string, now: Instant): Span | undefined {
    // A new scraper has no held snapshots: it is shown the newest, and from then on all. Soon after
    // the start it may not be new, and is shown what is held.
    const cursor = this.#cursors.open(scraper, now.mono, () => {
      if (!this.#returning) return this.#newCursor()
      this.unknownPositions++
      return { position: this.#returning.position, resumed: new Map() }
    })
    return cursor && { scraper, from: cursor.position, to: this.#last }
  }

  /** Ends a scrape, whether it was acknowledged or not. */
  close({ scraper }: Span): void {
    this.#cursors.close(scraper)
  }

  /** Snapshots of the target that were not written to the scraper yet, in order of arrival. */
  unseen(target: Target, { from, to, scraper }: Span): Snapshot[] {
    const found: Snapshot[] = []
    const resumed = this.#cursors.get(scraper)?.resumed.get(target.partition) ?? 0
    let entry = this.#byTarget.get(target)?.first ?? null
    for (; entry && entry.position <= to; entry = entry.next) {
      const { position, snapshot } = entry
      if (position > from && snapshot && snapshot.offset >= resumed) found.push(snapshot)
    }
    return found
  }

  /**
   * The progress of all scrapers in a partition that is given up.
   *
   * @param position offset of the next record of the partition; −1 if its replay is not complete
   */
  cursorsOf(partition: number, position: number, now: Instant): HandedCursor[] {
    const scrapers = [...this.#cursors.entries()]
    const next = new Map<string, number>()
    for (let i = this.#head; i < this.#queue.length && next.size < scrapers.length; i++) {
      const { position: at, target, snapshot } = this.#queue[i]
      if (target.partition !== partition || !snapshot) continue
      for (const [scraper, cursor] of scrapers) {
        const resumed = cursor.resumed.get(partition) ?? 0
        if (at <= cursor.position || snapshot.offset < resumed || next.has(scraper)) continue
        next.set(scraper, snapshot.offset)
      }
    }
    return scrapers.flatMap(([scraper, { resumed }, seenAt]) => {
      const offset = next.get(scraper) ?? (position >= 0 ? position : resumed.get(partition))
      return offset === undefined
        ? []
        : [{ scraper, next: offset, idleMs: Math.max(0, now.mono - seenAt) }]
    })
  }

  /**
   * A partition is about to be replayed. Until its positions are known, the newest snapshots of the
   * replay are held for all scrapers.
   */
  beginReplay(partition: number, now: Instant): void {
    // Positions of an earlier ownership of the partition.
    for (const { resumed } of this.#cursors.values()) resumed.delete(partition)
    this.#replays.delete(partition)
    if (this.#cursors.size === 0 && this.options.expectsScrapers)
      this.#returning ??= { position: this.#last, until: now.mono + REPEATED_MS }
    if (this.#cursors.size > 0 || this.#returning)
      this.#replays.set(partition, { since: now.wall - REPEATED_MS })
  }

  /** Continues at the positions that the previous owner of a partition handed over. */
  resume(partition: number, cursors: readonly HandedCursor[], now: Instant): void {
    let offset = Number.POSITIVE_INFINITY
    for (const { scraper, next, idleMs } of cursors) {
      if (idleMs > this.options.maxAgeMs) continue
      const cursor = this.#cursors.restore(scraper, now.mono - idleMs, () => this.#newCursor())
      if (!cursor) this.unknownPositions++
      else cursor.resumed.set(partition, next)
      offset = Math.min(offset, next)
    }
    this.#replays.set(partition, { offset })
  }

  /** The replay of a partition is complete. */
  endReplay(partition: number): void {
    const start = this.#replays.get(partition)
    if (start && 'since' in start) this.unknownPositions += this.#cursors.size
    this.#replays.delete(partition)
  }

  /** Whether a snapshot of a replay is held for scrapers. */
  holdsReplayed(partition: number, { offset, appendedAt }: Snapshot): boolean {
    const start = this.#replays.get(partition)
    if (!start) return false
    return 'offset' in start ? offset >= start.offset : appendedAt >= start.since
  }

  /** Moves the scraper's position after a response was completely written to its socket. */
  acknowledge({ scraper, to }: Span): void {
    const cursor = this.#cursors.get(scraper)
    if (!cursor) return
    cursor.position = Math.max(cursor.position, to)
    this.#trim(STEP)
  }

  /**
   * Removes inactive scrapers and releases snapshots that are too old or were written to all
   * scrapers. To be called about once a second.
   */
  *sweepSteps(now: Instant): Steps<void> {
    if (this.#returning && now.mono > this.#returning.until) this.#returning = null
    const gone = [...this.#leaving, ...this.#cursors.expire(now.mono, this.options.maxAgeMs)]
    this.#leaving = []
    for (const cursor of gone) yield* this.#countUnseen(cursor)
    const oldest = now.wall - this.options.maxAgeMs
    let step = 0
    while (this.length > 0) {
      if ((this.#first.snapshot?.collectedAt ?? 0) >= oldest) break
      this.#dropFirst('too_old')
      if (++step % STEP === 0) yield
    }
    while (this.#trim(STEP) === STEP) yield
  }

  /**
   * Releases all snapshots of a target that was removed from the shard.
   *
   * @returns the number of samples that were held for scrapers, counted once for each
   */
  *forgetSteps(target: Target): Steps<number> {
    const list = this.#byTarget.get(target)
    if (!list) return 0
    this.#byTarget.delete(target)
    let step = 0
    let samples = 0
    for (let entry = list.first; entry; entry = entry.next) {
      samples += this.#missedOf(entry)
      this.#release(entry)
      if (++step % STEP === 0) yield
    }
    return samples
  }

  drop(reason: SampleDrop, samples: number): void {
    if (samples > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + samples)
  }

  *#behind(): Generator<Cursor> {
    yield* this.#cursors.values()
    yield* this.#leaving
  }

  get #first(): Entry {
    return this.#queue[this.#head]
  }

  /** Releases up to `max` snapshots that were written to all scrapers. @returns their number */
  #trim(max: number): number {
    // Snapshots up to this position were written to all scrapers.
    let seen = this.#returning?.position ?? Number.POSITIVE_INFINITY
    for (const { position } of this.#behind()) seen = Math.min(seen, position)
    let count = 0
    for (; count < max && this.length > 0 && this.#first.position <= seen; count++) this.#shift()
    return count
  }

  #giveWay(): boolean {
    if (this.length === 0) return false
    this.#dropFirst('memory')
    return true
  }

  #dropFirst(reason: SampleDrop): void {
    this.drop(reason, this.#missedOf(this.#first))
    this.#shift()
  }

  #shift(): void {
    const entry = this.#queue[this.#head++]
    if (entry.snapshot) {
      const list = this.#byTarget.get(entry.target)
      // Not its first one if the target is being forgotten.
      if (list?.first === entry) {
        list.first = entry.next
        if (!entry.next) this.#byTarget.delete(entry.target)
      }
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
    this.bytes -= entry.bytes
    this.store.memory.add('history', -OVERHEAD)
    this.store.memory.promise(-scrapeBytes(snapshot), 0)
    this.store.release(snapshot)
  }

  #newCursor(): Cursor {
    return { position: this.#last, resumed: new Map() }
  }

  /** Samples of an entry that scrapers have not received, counted once for each. */
  #missedOf({ position, target, snapshot }: Entry): number {
    if (!snapshot) return 0
    let scrapers = 0
    for (const cursor of this.#behind()) {
      const resumed = cursor.resumed.get(target.partition) ?? 0
      if (cursor.position < position && snapshot.offset >= resumed) scrapers++
    }
    return scrapers * snapshot.series
  }

  *#countUnseen(cursor: Cursor): Steps<void> {
    const last = this.#last
    let samples = 0
    let next = cursor.position + 1
    for (;;) {
      // Entries may be released between steps. Positions are consecutive.
      if (this.length > 0) next = Math.max(next, this.#first.position)
      const end = Math.min(last, next + 10 * STEP)
      for (; next <= end && this.length > 0; next++) {
        samples += this.#queue[this.#head + next - this.#first.position].snapshot?.series ?? 0
      }
      if (next > last || this.length === 0) break
      yield
    }
    if (samples > 0) this.drop('scraper_gone', samples)
  }
}

/** Layouts are shared with targets. */
function bytesOf(snapshot: Snapshot): number {
  const { heap, buffers } = wholeSize(snapshot)
  return OVERHEAD + heap + buffers
}
