import type { Limits } from '../limits.js'
import type { Label } from '../model.js'
import { BRACE_OPEN, HASH, LINE_FEED, SPACE } from './bytes.js'
import type { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import { LabelsReader } from './labels.js'
import { type NumberReader, readInteger } from './numbers.js'

export interface ExemplarDraft {
  readonly labels: readonly Label[]
  readonly value: number
  readonly timestamp: number | null
}

/** OpenMetrics: names and values of an exemplar together, in code points. */
const MAX_EXEMPLAR_CHARACTERS = 128

/** Reads the rest of a sample line: timestamp and exemplar. */
export class TailReader {
  /** Of the line that was read last: Unix milliseconds, not rounded; NaN for none. */
  timestamp = Number.NaN
  exemplar: ExemplarDraft | undefined
  /** Whether the line has an exemplar, including an omitted one. */
  hasExemplar = false
  #labels: LabelsReader | undefined

  constructor(
    private readonly cursor: Cursor,
    private readonly rules: Rules,
    private readonly limits: Limits,
    private readonly numbers: NumberReader,
  ) {}

  /** From after the value to the beginning of the next line. The cursor's line stays. */
  read(): void {
    const { cursor } = this
    this.timestamp = Number.NaN
    this.exemplar = undefined
    this.hasExemplar = false
    if (cursor.byte() !== LINE_FEED) this.#readRest()
    if (cursor.byte() !== LINE_FEED)
      cursor.refuse('syntax', `unexpected ${cursor.found()} at the end of the line; remove it`)
    cursor.at++
  }

  #readRest(): void {
    const { cursor, numbers } = this
    switch (this.rules.timestamp) {
      case 'milliseconds':
        cursor.skipBlanks()
        if (cursor.byte() === LINE_FEED) return
        this.timestamp = this.#checked(readInteger(numbers, cursor.page, cursor.at, false))
        cursor.skipBlanks()
        return
      case 'signed':
        cursor.skipBlanks()
        this.timestamp = this.#checked(readInteger(numbers, cursor.page, cursor.at, true))
        return
      case 'seconds':
        if (!this.#atExemplar()) this.timestamp = this.#readSeconds()
        if (this.#atExemplar()) this.#readExemplar()
    }
  }

  #checked(timestamp: number): number {
    const { cursor, numbers } = this
    if (numbers.end < 0)
      cursor.refuse(
        'timestamp',
        `${cursor.found()} is not a timestamp; write Unix milliseconds, or end the line after the value`,
      )
    cursor.at = numbers.end
    return timestamp
  }

  #readSeconds(): number {
    const { cursor, numbers } = this
    cursor.at++
    const milliseconds = numbers.read(cursor.page, cursor.at) * 1000
    const next = cursor.page[numbers.end]
    if (!Number.isFinite(milliseconds) || (next !== SPACE && next !== LINE_FEED))
      cursor.refuse(
        'timestamp',
        `${cursor.found()} is not a timestamp; write Unix seconds, or end the line after the value`,
      )
    cursor.at = numbers.end
    return milliseconds
  }

  #atExemplar(): boolean {
    const { page, at } = this.cursor
    return (
      page[at] === SPACE &&
      page[at + 1] === HASH &&
      page[at + 2] === SPACE &&
      page[at + 3] === BRACE_OPEN
    )
  }

  #readExemplar(): void {
    const { cursor, numbers } = this
    cursor.at += 4
    this.hasExemplar = true
    this.#labels ??= new LabelsReader(
      cursor,
      { ...this.rules, lineFeedInQuotedName: false },
      this.limits,
    )
    this.#labels.read()
    if (this.#labels.metricName !== undefined)
      cursor.refuse('exemplar', 'a label of the exemplar has no value; write name="value"')
    const labels = this.#labels.labels.map(({ label }) => label)
    if (cursor.byte() !== SPACE)
      cursor.refuse(
        'exemplar',
        `a space and a value are missing after the exemplar's labels, before ${cursor.found()}`,
      )
    cursor.at++
    const value = numbers.read(cursor.page, cursor.at)
    const next = cursor.page[numbers.end]
    if (next !== SPACE && next !== LINE_FEED)
      cursor.refuse('exemplar', `${cursor.found()} is not the value of an exemplar; write a number`)
    cursor.at = numbers.end
    const timestamp = next === SPACE ? Math.round(this.#readSeconds()) : null
    if (isShort(labels)) this.exemplar = { labels, value, timestamp }
    else if (this.rules.longExemplar === 'refuse')
      cursor.refuse(
        'exemplar',
        `the exemplar's labels have more than ${MAX_EXEMPLAR_CHARACTERS} characters; shorten them`,
      )
  }
}

function isShort(labels: readonly Label[]): boolean {
  const texts = labels.flatMap(({ name, value }) => [name, value])
  if (texts.reduce((sum, { length }) => sum + length, 0) <= MAX_EXEMPLAR_CHARACTERS) return true
  return texts.reduce((sum, text) => sum + [...text].length, 0) <= MAX_EXEMPLAR_CHARACTERS
}
