import type { Limits } from '../limits.js'
import { isBlank, LINE_FEED, METRIC, METRIC_START, QUOTE, SPACE } from './bytes.js'
import type { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import type { Families, Metadata } from './families.js'
import type { MetricName, NameTable } from './names.js'
import { readQuoted, unescaped } from './quoted.js'

const KEYWORDS: readonly Metadata[] = ['HELP', 'TYPE', 'UNIT']

/** Reads the lines that begin with `#`. */
export class MetadataReader {
  constructor(
    private readonly cursor: Cursor,
    private readonly rules: Rules,
    private readonly limits: Limits,
    private readonly names: NameTable,
    private readonly families: Families,
  ) {}

  /**
   * From the `#` to the beginning of the next line. @returns whether it was the last line of an
   * OpenMetrics page
   */
  read(): boolean {
    if (this.rules.comments === 'openmetrics') return this.#readOpenMetrics()
    if (this.rules.comments === 'push') this.#readPushed()
    else this.#readText()
    this.cursor.skipLine()
    return false
  }

  /** Prometheus: what is not HELP or TYPE, with blanks before and behind, is a comment. */
  #readText(): void {
    const { cursor } = this
    cursor.at++
    if (!isBlank(cursor.byte())) return
    cursor.skipBlanks()
    const kind = this.#keyword()
    if (kind === undefined || kind === 'UNIT' || !isBlank(cursor.page[cursor.at + 4])) return
    cursor.at += 4
    cursor.skipBlanks()
    const name = this.#name(kind)
    const end = cursor.lineEnd()
    const start = cursor.at
    // One character parts name and text, whatever it is; nothing but blanks is no text.
    cursor.skipBlanks()
    this.families.describe(kind, name, cursor.at === end ? '' : this.#text(kind, start + 1, end))
  }

  /**
   * `expfmt`: blanks before HELP and TYPE are optional, and a line that ends before its text is a
   * comment.
   */
  #readPushed(): void {
    const { cursor } = this
    cursor.at++
    cursor.skipBlanks()
    const kind = this.#keyword()
    if (kind === undefined || kind === 'UNIT' || !isBlank(cursor.page[cursor.at + 4])) return
    cursor.at += 4
    cursor.skipBlanks()
    if (cursor.byte() === LINE_FEED) return
    const name = this.#name(kind)
    if (cursor.byte() === LINE_FEED) return
    if (!isBlank(cursor.byte())) this.#refuseName(kind)
    cursor.skipBlanks()
    this.families.describe(kind, name, this.#text(kind, cursor.at, cursor.lineEnd()))
  }

  #readOpenMetrics(): boolean {
    const { cursor } = this
    const { page } = cursor
    if (page[cursor.at + 1] !== SPACE) this.#refuseComment()
    cursor.at += 2
    if (page.toString('latin1', cursor.at, cursor.at + 4) === 'EOF\n') {
      cursor.skipLine()
      return true
    }
    const kind = this.#keyword()
    if (kind === undefined || page[cursor.at + 4] !== SPACE) this.#refuseComment()
    cursor.at += 5
    const name = this.#name(kind)
    if (cursor.byte() !== SPACE)
      cursor.refuse(
        'metadata',
        `a space is missing after the metric name of ${kind}, before ${cursor.found()}`,
      )
    this.families.describe(kind, name, this.#text(kind, cursor.at + 1, cursor.lineEnd()))
    cursor.skipLine()
    return false
  }

  #keyword(): Metadata | undefined {
    const { page, at } = this.cursor
    return KEYWORDS.find(
      word => page[at] === word.charCodeAt(0) && page.toString('latin1', at, at + 4) === word,
    )
  }

  #name(kind: Metadata): MetricName {
    return this.names.get(this.#nameText(kind))
  }

  #nameText(kind: Metadata): string {
    const { cursor, rules, limits } = this
    const { page } = cursor
    const start = cursor.at
    if (page[start] === QUOTE)
      return readQuoted(cursor, {
        what: 'metric name',
        maxBytes: limits.nameBytes,
        lineFeeds: rules.lineFeedInQuotedName,
        unknownEscape: rules.unknownEscape,
      })
    if (METRIC_START[page[start]] === 0) this.#refuseName(kind)
    let i = start
    while (METRIC[page[i]] === 1)
      if (++i - start > limits.nameBytes)
        cursor.refuse(
          'limit',
          `the metric name has more than ${limits.nameBytes} bytes; shorten it`,
        )
    cursor.at = i
    return page.toString('latin1', start, i)
  }

  /** The text between two positions, unescaped where it is a HELP. */
  #text(kind: Metadata, start: number, end: number): string {
    const { cursor, limits } = this
    if (kind === 'HELP') return this.#help(start, end)
    if (end - start > limits.nameBytes)
      cursor.refuse(
        'limit',
        `the text after ${kind} has more than ${limits.nameBytes} bytes; shorten it`,
      )
    return cursor.page.toString('utf8', start, end)
  }

  #help(start: number, end: number): string {
    const { cursor, rules, limits } = this
    // An escape sequence is two bytes for one.
    let text = ''
    if (end - start <= 2 * limits.valueBytes) {
      text = rules.helpMustBeUtf8
        ? cursor.text(start, end, 'HELP text')
        : cursor.page.toString('utf8', start, end)
      text = unescaped(cursor, text, rules.unknownEscape, rules.quoteEscapeInHelp)
      if (Buffer.byteLength(text) <= limits.valueBytes) return text
    }
    this.cursor.refuse(
      'limit',
      `the HELP text has more than ${limits.valueBytes} bytes; shorten it`,
    )
  }

  #refuseName(kind: Metadata): never {
    this.cursor.refuse(
      'metadata',
      `expected a metric name after ${kind}, found ${this.cursor.found()}`,
    )
  }

  #refuseComment(): never {
    this.cursor.refuse(
      'syntax',
      'only lines that begin with "# HELP ", "# TYPE ", "# UNIT " or are "# EOF" may begin with #; remove the comment',
    )
  }
}
