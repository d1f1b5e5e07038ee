import type { Steps } from '../../base/steps.js'
import type { Limits } from '../limits.js'
import type { Exemplar, Exposition, Family } from '../model.js'
import { LINE_FEED, SPACE, TAB } from './bytes.js'
import { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import { NumberReader } from './numbers.js'
import { type Lines, type ReadPage, withLongExemplars } from './page-reading.js'
import { ExpositionRefused } from './refusal.js'
import { TailReader } from './tail.js'

/** Well under a millisecond of work. */
const STEP_BYTES = 64 * 1024
const COPY_BYTES = 1024 * 1024
/** Segments of more bytes are compared by a native call, which is faster than a loop. */
const LONG = 1024

/**
 * The page that was read before. If a page has the same bytes up to each value, only the rest of
 * each line is read: value, timestamp, exemplar.
 */
export class PreviousPage {
  readonly #page: Buffer
  readonly #lines: Lines
  readonly #count: number
  readonly #repeats: boolean
  readonly #omittedLines: ReadonlyMap<string, number>

  private constructor(
    readonly rules: Rules,
    page: Buffer,
    read: ReadPage,
    readonly families: readonly Family[],
  ) {
    this.#page = page
    this.#count = read.exposition.values.length
    this.#lines = read.lines
    this.#repeats = read.repeats
    this.#omittedLines = read.omittedLines
  }

  /** @param page is copied: its owner may use it again */
  static *of(
    rules: Rules,
    page: Buffer,
    read: ReadPage,
    families: readonly Family[],
  ): Steps<PreviousPage> {
    const copy = Buffer.allocUnsafeSlow(page.length)
    for (let at = 0; at < page.length; at += COPY_BYTES) {
      page.copy(copy, at, at, at + COPY_BYTES)
      yield
    }
    return new PreviousPage(rules, copy, read, families)
  }

  get bytes(): number {
    return this.#page.length + 12 * this.#lines.next.length
  }

  /**
   * Returns undefined if more than the numbers and exemplars has changed, or if a line is not
   * valid.
   */
  *read(page: Buffer, limits: Limits): Steps<Exposition | undefined> {
    const reading = new SameLayoutReading(page, this.rules, limits, this.#count)
    const lines = this.#lines.next.length
    for (let line = 0; line < lines; ) {
      line = reading.readLines(this.#page, this.#lines, line)
      if (line < 0 || (this.#repeats && reading.hasTimestamps)) return undefined
      yield
    }
    const end = lines === 0 ? 0 : this.#lines.next[lines - 1]
    if (!reading.endsAs(this.#page, end)) return undefined
    return {
      families: this.families,
      values: reading.values,
      timestamps: reading.timestamps,
      exemplars: reading.exemplars(),
      omitted: withLongExemplars(this.#omittedLines, reading.longExemplars),
    }
  }
}

class SameLayoutReading {
  readonly values: Float64Array
  timestamps: Float64Array | null = null
  /** Including omitted lines. */
  hasTimestamps = false
  longExemplars = 0
  /** Whether a negative number may be invalid. */
  private readonly refusesNegative: boolean
  readonly #exemplars: Exemplar[] = []
  readonly #cursor: Cursor
  readonly #numbers = new NumberReader()
  readonly #tail: TailReader

  constructor(
    private readonly page: Buffer,
    private readonly rules: Rules,
    limits: Limits,
    count: number,
  ) {
    this.refusesNegative = rules.sameLayoutIsValid === 'unless negative'
    this.values = new Float64Array(count)
    this.#cursor = new Cursor(page)
    this.#tail = new TailReader(this.#cursor, rules, limits, this.#numbers)
  }

  /**
   * Reads lines from the one on, for one step. @returns the next line, or -1 where the pages differ
   */
  readLines(before: Buffer, { valueAt, next, series }: Lines, from: number): number {
    const { page, values } = this
    const numbers = this.#numbers
    const cursor = this.#cursor
    const stop = cursor.at + STEP_BYTES
    let at = cursor.at
    let line = from
    for (; line < next.length && at < stop; line++) {
      const start = line === 0 ? 0 : next[line - 1]
      const end = valueAt[line]
      // The segment is followed by at least one digit and a line feed.
      if (at + end - start + 2 > page.length) return -1
      if (end - start > LONG) {
        if (page.compare(before, start, end, at, at + end - start) !== 0) return -1
        at += end - start
      } else for (let i = start; i < end; i++) if (page[at++] !== before[i]) return -1
      const value = numbers.read(page, at)
      at = numbers.end
      if (page[at] === LINE_FEED) at++
      else {
        cursor.at = at
        if (!this.#readTail(series[line])) return -1
        at = cursor.at
      }
      if (value < 0 && this.refusesNegative) return -1
      if (series[line] >= 0) values[series[line]] = value
    }
    cursor.at = at
    return line
  }

  #readTail(series: number): boolean {
    const { rules } = this
    const tail = this.#tail
    const next = this.page[this.#cursor.at]
    if (next !== SPACE && !(rules.freeBlanks && next === TAB)) return false
    try {
      tail.read()
    } catch (error) {
      if (error instanceof ExpositionRefused) return false
      throw error
    }
    if (!Number.isNaN(tail.timestamp)) this.hasTimestamps = true
    if (series < 0) return true
    if (!Number.isNaN(tail.timestamp)) {
      this.timestamps ??= new Float64Array(this.values.length).fill(Number.NaN)
      this.timestamps[series] = Math.round(tail.timestamp)
    }
    const { exemplar } = tail
    if (exemplar) this.#exemplars.push({ series, ...exemplar })
    else if (tail.hasExemplar) this.longExemplars++
    return true
  }

  endsAs(before: Buffer, end: number): boolean {
    return this.page.subarray(this.#cursor.at).equals(before.subarray(end))
  }

  exemplars(): readonly Exemplar[] | null {
    return this.#exemplars.length === 0 ? null : this.#exemplars.sort((a, b) => a.series - b.series)
  }
}
