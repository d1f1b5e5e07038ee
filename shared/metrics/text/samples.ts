import type { Limits } from '../limits.js'
import { ByteCache, HASH_START, hashByte } from './byte-cache.js'
import { BRACE_OPEN, isBlank, LINE_FEED, METRIC, METRIC_START, QUOTE, SPACE } from './bytes.js'
import type { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import type { SampleLine } from './families.js'
import type { HashedLabel } from './hashed-label.js'
import { LabelsReader } from './labels.js'
import type { MetricName, NameTable } from './names.js'
import { NumberReader } from './numbers.js'
import { readQuoted } from './quoted.js'
import { TailReader } from './tail.js'

const NO_LABELS: readonly HashedLabel[] = []

/** Reads the lines of samples. */
export class SampleReader {
  /** The line that was read last. Its labels are valid until the next call. */
  readonly line: SampleLine
  readonly tail: TailReader
  /** Where the value begins. */
  valueAt = 0
  readonly #cache: ByteCache<MetricName>
  readonly #labels: LabelsReader
  readonly #numbers = new NumberReader()

  constructor(
    private readonly cursor: Cursor,
    private readonly rules: Rules,
    private readonly limits: Limits,
    private readonly names: NameTable,
  ) {
    this.#cache = new ByteCache(cursor.page)
    this.#labels = new LabelsReader(cursor, rules, limits)
    this.tail = new TailReader(cursor, rules, limits, this.#numbers)
    this.line = {
      name: this.names.get(''),
      suffix: '',
      labels: NO_LABELS,
      value: 0,
      timestamp: Number.NaN,
      hasExemplar: false,
    }
  }

  /**
   * From the first byte that is not blank to the beginning of the next line. The cursor's line
   * stays.
   *
   * @param lineStart where the line begins, blanks included
   */
  read(lineStart: number): void {
    const { cursor, line, tail } = this
    const free = this.rules.freeBlanks
    let name = this.#readName(lineStart)
    if (free && isBlank(cursor.byte())) cursor.skipBlanks()
    if (cursor.byte() === BRACE_OPEN) {
      cursor.at++
      name = this.#readLabels(name)
      line.labels = this.#labels.labels
    } else line.labels = NO_LABELS
    if (name === undefined || name.text === '')
      this.cursor.refuse(
        'name',
        'the sample has no metric name; begin the line with it, or quote it in the braces',
      )
    line.name = name
    if (free && isBlank(cursor.byte())) cursor.skipBlanks()
    else if (!free) this.#skipSpace()
    line.value = this.#readValue()
    tail.read()
    line.timestamp = tail.timestamp
    line.hasExemplar = tail.hasExemplar
  }

  #readName(lineStart: number): MetricName | undefined {
    const { cursor, rules, limits } = this
    const { page } = cursor
    const start = cursor.at
    let byte = page[start]
    if (byte === BRACE_OPEN) return undefined
    if (byte === QUOTE && rules.quotedNameFirst)
      return this.names.get(readQuoted(cursor, this.#labels.nameRules))
    if (METRIC_START[byte] === 0)
      cursor.refuse(
        'syntax',
        `expected a metric name, # or an empty line, found ${cursor.found()}; check that the page is an exposition`,
      )
    let i = start
    let hash = HASH_START
    const stop = start + limits.nameBytes + 1
    while (METRIC[byte] === 1 && i < stop) {
      hash = hashByte(hash, byte)
      byte = page[++i]
    }
    const indent = rules.indentBelongsToName ? start - lineStart : 0
    if (i - start + indent > limits.nameBytes)
      cursor.refuse('limit', `the metric name has more than ${limits.nameBytes} bytes; shorten it`)
    cursor.at = i
    if (indent > 0) return this.names.get(page.toString('latin1', lineStart, i))
    const known = this.#cache.get(hash, start, i)
    if (known) return known
    const name = this.names.get(page.toString('latin1', start, i))
    this.#cache.set(hash, start, i, name)
    return name
  }

  #readLabels(name: MetricName | undefined): MetricName | undefined {
    this.#labels.read()
    const { metricName } = this.#labels
    if (metricName === undefined) return name
    if (name)
      this.cursor.refuse(
        'name',
        'there is a metric name before the braces and another inside; write one',
      )
    return this.names.get(metricName)
  }

  #skipSpace(): void {
    const { cursor } = this
    if (cursor.byte() !== SPACE)
      cursor.refuse('syntax', `expected one space and a value, found ${cursor.found()}`)
    cursor.at++
  }

  #readValue(): number {
    const { cursor } = this
    const numbers = this.#numbers
    this.valueAt = cursor.at
    const value = numbers.read(cursor.page, cursor.at)
    const next = cursor.page[numbers.end]
    if (next !== LINE_FEED && next !== SPACE && !(this.rules.freeBlanks && isBlank(next)))
      cursor.refuse(
        'value',
        `${cursor.found()} is not a number; write a decimal number, +Inf, -Inf or NaN`,
      )
    cursor.at = numbers.end
    return value
  }
}
