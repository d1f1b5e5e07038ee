import type { Steps } from '../../base/steps.js'
import type { Limits } from '../limits.js'
import type { Exposition, Family, Label } from '../model.js'
import { HASH, isBlank, LINE_FEED } from './bytes.js'
import { Columns } from './columns.js'
import { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import { type Families, FamilyTable } from './families.js'
import { familiesOf } from './families-of.js'
import { IntList } from './int-list.js'
import { MetadataReader } from './metadata.js'
import { NameTable } from './names.js'
import { SampleReader } from './samples.js'
import { SeenSeries } from './seen-series.js'

/** Well under a millisecond of work. */
const STEP_BYTES = 4 * 1024
const FAMILIES_A_STEP = 1000
const NO_LABELS: readonly Label[] = []

/** Where the samples of a page are, by line. */
export interface Lines {
  /** Where the value begins. */
  readonly valueAt: Int32Array
  /** Where the next line begins. */
  readonly next: Int32Array
  /** Index of the series in the order of the families, or -1 for an omitted line. */
  readonly series: Int32Array
}

export interface ReadPage {
  readonly exposition: Exposition
  readonly lines: Lines
  /** Whether lines were omitted because their series occurred before. */
  readonly repeats: boolean
  /** The part of `omitted` that does not depend on numbers and exemplars. */
  readonly omittedLines: ReadonlyMap<string, number>
}

/** The full reading of one page. */
export class PageReading {
  readonly #cursor: Cursor
  readonly #families: Families
  readonly #metadata: MetadataReader
  readonly #samples: SampleReader
  readonly #seen = new SeenSeries()
  readonly #columns = new Columns()
  readonly #omitted = new Map<string, number>()
  readonly #valueAt = new IntList()
  readonly #next = new IntList()
  readonly #series = new IntList()
  #repeats = false
  #longExemplars = 0
  #ended = false

  /**
   * @param page empty, or with a line feed at its end
   * @param cutShort whether a last line without a line feed is missing from it, which the dialect
   *   does not accept
   */
  constructor(
    page: Buffer,
    private readonly rules: Rules,
    private readonly limits: Limits,
    private readonly cutShort: boolean,
  ) {
    this.#cursor = new Cursor(page)
    const names = new NameTable()
    this.#families = familiesOf(
      this.#cursor,
      new FamilyTable(this.#cursor, names, limits.samples),
      rules,
    )
    this.#metadata = new MetadataReader(this.#cursor, rules, limits, names, this.#families)
    this.#samples = new SampleReader(this.#cursor, rules, limits, names)
  }

  /** @throws ExpositionRefused */
  *read(): Steps<ReadPage> {
    const cursor = this.#cursor
    while (cursor.at < cursor.end) {
      this.#readLines(cursor.at + STEP_BYTES)
      yield
    }
    this.#checkEnd()
    return yield* this.#finish()
  }

  #checkEnd(): void {
    const { rules } = this
    const cursor = this.#cursor
    if (this.cutShort)
      cursor.refuse('end', 'the last line has no line feed; was the page cut short?')
    if (rules.comments !== 'openmetrics' || this.#ended || (cursor.end === 0 && rules.emptyIsValid))
      return
    cursor.refuse('end', 'the page does not end with "# EOF"; was it cut short?')
  }

  #readLines(until: number): void {
    const cursor = this.#cursor
    const stop = Math.min(until, cursor.end)
    while (cursor.at < stop) this.#readLine()
  }

  #readLine(): void {
    const cursor = this.#cursor
    const start = cursor.at
    if (this.#ended) cursor.refuse('order', 'there are lines after "# EOF"; remove them')
    if (this.rules.freeBlanks && isBlank(cursor.byte())) cursor.skipBlanks()
    const byte = cursor.byte()
    if (byte === LINE_FEED) this.#skipEmptyLine()
    else if (byte === HASH) this.#ended = this.#metadata.read()
    else {
      this.#samples.read(start)
      this.#store()
      cursor.line++
    }
  }

  #skipEmptyLine(): void {
    const cursor = this.#cursor
    if (this.rules.comments === 'openmetrics')
      cursor.refuse('syntax', 'the line is empty; remove it')
    cursor.at++
    cursor.line++
  }

  /** Adds the sample that was read last, unless it is omitted. */
  #store(): void {
    const { line, tail } = this.#samples
    if (this.#next.length === this.limits.samples)
      this.#cursor.refuse('limit', `more than ${this.limits.samples} samples; expose fewer`)
    this.#valueAt.push(this.#samples.valueAt)
    this.#next.push(this.#cursor.at)
    const reason = this.#families.place(line)
    if (reason !== undefined) {
      this.#omit(reason)
      return
    }
    const family = line.name.owner!
    const labels = line.labels.length === 0 ? NO_LABELS : line.labels.map(({ label }) => label)
    if (this.rules.repeatedSeries !== 'keep') {
      const earlier = this.#seen.add(line.name, line.labels, labels)
      if (earlier >= 0) {
        this.#repeat(earlier)
        return
      }
    }
    if (tail.hasExemplar && !tail.exemplar) this.#longExemplars++
    this.#series.push(this.#columns.length)
    this.#columns.add(family, line.value, line.timestamp, tail.exemplar)
    family.series.push({ suffix: line.suffix, labels })
  }

  /**
   * Keeps the newest sample of a series. A sample without a timestamp is newer than all others. Of
   * equals the first is kept.
   */
  #repeat(earlier: number): void {
    const { line, tail } = this.#samples
    const before = this.#columns.timestampOf(earlier)
    if (this.rules.repeatedSeries === 'refuse' && Number.isNaN(line.timestamp))
      this.#cursor.refuse('duplicate', 'this series occurs twice; write it once')
    this.#repeats = true
    this.#omit('repeated_series')
    if (Number.isNaN(before) || line.timestamp <= before) return
    this.#columns.set(earlier, line.value, line.timestamp, tail.exemplar)
  }

  #omit(reason: string): void {
    this.#omitted.set(reason, (this.#omitted.get(reason) ?? 0) + 1)
    this.#series.push(-1)
  }

  *#finish(): Steps<ReadPage> {
    const columns = this.#columns
    const drafts = this.#families.finish()
    const order = columns.order(drafts)
    const families: Family[] = []
    for (const { name, type, help, unit, series } of drafts) {
      families.push({ name, type, help, unit, series })
      if (families.length % FAMILIES_A_STEP === 0) yield
    }
    const series = this.#series.toArray()
    if (order)
      for (let i = 0; i < series.length; i++) if (series[i] >= 0) series[i] = order[series[i]]
    yield
    return {
      exposition: {
        families,
        values: columns.values(order),
        timestamps: columns.timestamps(order),
        exemplars: columns.exemplars(order),
        omitted: withLongExemplars(this.#omitted, this.#longExemplars),
      },
      lines: { valueAt: this.#valueAt.toArray(), next: this.#next.toArray(), series },
      repeats: this.#repeats,
      omittedLines: this.#omitted,
    }
  }
}

/** @param omitted is not changed */
export function withLongExemplars(
  omitted: ReadonlyMap<string, number>,
  count: number,
): ReadonlyMap<string, number> {
  return count === 0 ? omitted : new Map([...omitted, ['exemplar_too_long', count]])
}
