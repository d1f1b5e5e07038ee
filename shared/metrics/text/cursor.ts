import { isUtf8 } from 'node:buffer'
import { quote } from '../../base/quote.js'
import { isBlank, LINE_FEED } from './bytes.js'
import { ExpositionRefused, type RefusalReason } from './refusal.js'

/** Longer runs of blanks are refused, so that no single step takes long. */
const MAX_BLANKS = 64 * 1024

/** Position in a page. */
export class Cursor {
  at = 0
  /** From 1. */
  line = 1
  readonly end: number
  /** Whether the whole page is UTF-8. Otherwise each token is checked. */
  readonly #utf8: boolean

  /**
   * @param page empty, or with a line feed at its end, so that loops over bytes end without looking
   * for the page's end
   */
  constructor(readonly page: Buffer) {
    this.end = page.length
    this.#utf8 = isUtf8(page)
  }

  byte(): number {
    return this.page[this.at]
  }

  skipBlanks(): void {
    const { page } = this
    const limit = this.at + MAX_BLANKS
    let i = this.at
    while (isBlank(page[i]))
      if (++i > limit) this.refuse('limit', `more than ${MAX_BLANKS} blanks; remove them`)
    this.at = i
  }

  /** Position of the line feed that ends the line. */
  lineEnd(): number {
    const { page } = this
    // Most lines are short: a native call costs more than comparing some bytes.
    const near = this.at + 32
    for (let i = this.at; i < near; i++) if (page[i] === LINE_FEED) return i
    return page.indexOf(LINE_FEED, near)
  }

  /** Goes to the beginning of the next line. */
  skipLine(): void {
    this.at = this.lineEnd() + 1
    this.line++
  }

  text(start: number, end: number, what: string): string {
    // A piece of valid text is valid unless it begins inside of a character.
    const valid = this.#utf8
      ? (this.page[start] & 0xc0) !== 0x80
      : isUtf8(this.page.subarray(start, end))
    if (!valid) this.refuse('encoding', `the ${what} is not UTF-8; encode the page as UTF-8`)
    return this.page.toString('utf8', start, end)
  }

  refuse(reason: RefusalReason, problem: string): never {
    throw new ExpositionRefused(this.line, reason, problem)
  }

  /** Excerpt at the position, for messages. */
  found(): string {
    if (this.at >= this.end) return 'the end of the page'
    if (this.byte() === LINE_FEED) return 'the end of the line'
    const end = Math.min(this.lineEnd(), this.at + 100)
    return quote(this.page.toString('utf8', this.at, end))
  }
}
