import { quote } from '../../base/quote.js'
import type { Limits } from '../limits.js'
import { ByteCache, HASH_START, hashByte } from './byte-cache.js'
import {
  BACKSLASH,
  BRACE_CLOSE,
  COMMA,
  EQUALS,
  isBlank,
  LABEL,
  LABEL_START,
  QUOTE,
} from './bytes.js'
import type { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import { type HashedLabel, hashOf, sortLabels } from './hashed-label.js'
import { type QuotedRules, readQuoted } from './quoted.js'

/** Reads the labels in braces. */
export class LabelsReader {
  /** What was read last, sorted by name. */
  readonly labels: HashedLabel[] = []
  /** The metric name among the labels, if any. */
  metricName: string | undefined
  readonly nameRules: QuotedRules
  readonly #valueRules: QuotedRules
  readonly #cache: ByteCache<HashedLabel>
  readonly #nameCache: ByteCache<string>

  constructor(
    private readonly cursor: Cursor,
    private readonly rules: Rules,
    private readonly limits: Limits,
  ) {
    this.#cache = new ByteCache(cursor.page)
    this.#nameCache = new ByteCache(cursor.page)
    this.nameRules = {
      what: 'name',
      maxBytes: limits.nameBytes,
      lineFeeds: rules.lineFeedInQuotedName,
      unknownEscape: rules.unknownEscape,
    }
    this.#valueRules = {
      what: 'label value',
      maxBytes: limits.valueBytes,
      lineFeeds: rules.lineFeedInLabelValue,
      unknownEscape: rules.unknownEscape,
    }
  }

  /** From after the opening brace to after the closing one. */
  read(): void {
    this.labels.length = 0
    this.metricName = undefined
    if (!this.#readPlain()) this.#readAny()
    const duplicate = sortLabels(this.labels)
    if (duplicate !== undefined)
      this.cursor.refuse('duplicate', `label ${quote(duplicate)} occurs twice; remove one`)
  }

  /**
   * Reads labels in the common spelling, `name="value"` separated by commas, without escapes, which
   * all dialects accept. Returns false where another spelling begins: the cursor is then behind a
   * comma, or at the first label.
   */
  #readPlain(): boolean {
    const { cursor } = this
    const { page } = cursor
    const longest = this.limits.nameBytes + this.limits.valueBytes
    let i = cursor.at
    for (;;) {
      const start = i
      let hash = HASH_START
      let byte = page[i]
      if (LABEL_START[byte] === 0) break
      const stop = start + longest
      while (LABEL[byte] === 1 && i < stop) {
        hash = hashByte(hash, byte)
        byte = page[++i]
      }
      const nameEnd = i
      const nameHash = hash
      hash = hashByte(hash, EQUALS)
      if (byte !== EQUALS || page[i + 1] !== QUOTE) break
      i += 2
      byte = page[i]
      while (byte !== QUOTE && byte !== BACKSLASH && byte >= 32 && i < stop) {
        hash = hashByte(hash, byte)
        byte = page[++i]
      }
      if (byte !== QUOTE) break
      const next = page[++i]
      // An incomplete label is read again by #readAny.
      if (next !== COMMA && next !== BRACE_CLOSE) break
      this.#add(
        this.#cache.get(hash, start, i) ?? this.#newPlain(hash, start, nameHash, nameEnd, i),
      )
      cursor.at = ++i
      if (next === BRACE_CLOSE) return true
    }
    return false
  }

  #newPlain(
    hash: number,
    start: number,
    nameHash: number,
    nameEnd: number,
    end: number,
  ): HashedLabel {
    const { cursor, limits } = this
    if (nameEnd - start > limits.nameBytes) this.#refuseLength('name', limits.nameBytes)
    if (end - nameEnd - 3 > limits.valueBytes) this.#refuseLength('value', limits.valueBytes)
    const name =
      this.#nameCache.get(nameHash, start, nameEnd) ?? this.#newName(nameHash, start, nameEnd)
    const label = { label: { name, value: cursor.text(nameEnd + 2, end - 1, 'label value') }, hash }
    this.#cache.set(hash, start, end, label)
    return label
  }

  #newName(hash: number, start: number, end: number): string {
    const name = this.cursor.page.toString('latin1', start, end)
    this.#checkName(name)
    this.#nameCache.set(hash, start, end, name)
    return name
  }

  #readAny(): void {
    const { cursor, rules } = this
    // Behind a comma that #readPlain has read, or at the beginning.
    let comma = this.labels.length > 0
    for (;;) {
      this.#skipBlanks()
      if (cursor.byte() === BRACE_CLOSE) {
        if (comma && !rules.commaAfterLabels)
          cursor.refuse('label', 'a comma precedes the closing brace; remove it')
        cursor.at++
        return
      }
      this.#readTerm()
      this.#skipBlanks()
      comma = cursor.byte() === COMMA
      if (comma) cursor.at++
      else if (cursor.byte() !== BRACE_CLOSE && rules.commaBetweenLabels === 'required')
        cursor.refuse('label', `a comma or a closing brace is missing before ${cursor.found()}`)
    }
  }

  /** One label, or the metric's name. */
  #readTerm(): void {
    const { cursor, rules } = this
    const quoted = cursor.byte() === QUOTE
    const name = quoted ? readQuoted(cursor, this.nameRules) : this.#readName()
    this.#skipBlanks()
    const next = cursor.byte()
    if (next === EQUALS) {
      cursor.at++
      this.#skipBlanks()
      if (cursor.byte() !== QUOTE)
        cursor.refuse(
          'label',
          `the label value is not in quotation marks: ${cursor.found()}; write name="value"`,
        )
      this.#checkName(name)
      const label = { name, value: readQuoted(cursor, this.#valueRules) }
      this.#add({ label, hash: hashOf(label) })
      return
    }
    if (next !== COMMA && next !== BRACE_CLOSE)
      cursor.refuse(
        'label',
        `an equals sign is missing after the label name, before ${cursor.found()}`,
      )
    if (!quoted && !rules.unquotedNameInBraces)
      cursor.refuse(
        'label',
        'a label has no value; write name="value", or quote the metric name in the braces',
      )
    if (this.metricName !== undefined)
      cursor.refuse('name', 'the braces have two metric names; write one')
    this.metricName = name
  }

  #readName(): string {
    const { cursor, limits } = this
    const { page } = cursor
    const start = cursor.at
    let i = start
    if (LABEL_START[page[i]] === 0)
      cursor.refuse(
        'label',
        `expected a label name, found ${cursor.found()}; quote names with characters other than letters, digits and underscores`,
      )
    while (LABEL[page[i]] === 1)
      if (++i - start > limits.nameBytes) this.#refuseLength('name', limits.nameBytes)
    cursor.at = i
    return page.toString('latin1', start, i)
  }

  #skipBlanks(): void {
    if (this.rules.freeBlanks && isBlank(this.cursor.byte())) this.cursor.skipBlanks()
  }

  #add(label: HashedLabel): void {
    if (this.labels.length === this.limits.labels)
      this.cursor.refuse('limit', `more than ${this.limits.labels} labels; expose fewer`)
    this.labels.push(label)
  }

  #checkName(name: string): void {
    const { cursor, rules } = this
    if (name === '') cursor.refuse('label', 'a label name is empty; give it a name')
    if (name.startsWith('__') && (rules.reservedLabels === 'refuse' || name === '__name__'))
      cursor.refuse('label', `label name ${quote(name)} is reserved; rename the label`)
  }

  #refuseLength(what: 'name' | 'value', limit: number): never {
    this.cursor.refuse('limit', `the label ${what} has more than ${limit} bytes; shorten it`)
  }
}
