import { runNow, type Steps } from '../../base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../limits.js'
import type { Exposition, Family } from '../model.js'
import { isBlank, LINE_FEED } from './bytes.js'
import { type Rules, rulesOf, type TextDialect, type TextFormat } from './dialect.js'
import { PageReading } from './page-reading.js'
import { PreviousPage } from './previous-page.js'
import { sameFamilies } from './same-families.js'

/**
 * Reads the pages of one target: Prometheus text 0.0.4 and 1.0.0, OpenMetrics 1.0.
 *
 * The exposition has the same `families` object as the one before if both are equal. A page that
 * differs from the page before only in numbers and exemplars is read several times faster. For
 * that purpose the reader keeps a copy of the last valid page, see `retainedBytes`.
 */
export class TextReader {
  #previous: PreviousPage | undefined
  #families: readonly Family[] | undefined

  constructor(
    private readonly dialect: TextDialect,
    private readonly limits: Limits = DEFAULT_LIMITS,
  ) {}

  /** Bytes of the copy and its index. The exposition takes about twice as much. */
  get retainedBytes(): number {
    return this.#previous?.bytes ?? 0
  }

  /**
   * Reads a page at once.
   *
   * @param format format of the content type, for the dialect `scrape`. By default a page that ends
   *   with `# EOF` is OpenMetrics
   * @throws ExpositionRefused for a page that the dialect does not accept, and nothing else
   */
  read(page: Buffer, format?: TextFormat): Exposition {
    return runNow(this.readInSteps(page, format))
  }

  /**
   * Like `read`, in steps of well under a millisecond. The page must not change until the last
   * step.
   */
  *readInSteps(page: Buffer, format: TextFormat = formatOf(page)): Steps<Exposition> {
    const rules = rulesOf(this.dialect, format)
    const { lines, cutShort } = wholeLines(page, rules)
    const previous = this.#previous
    if (previous?.rules === rules && !cutShort) {
      const same = yield* previous.read(lines, this.limits)
      if (same) return same
    }
    const read = yield* new PageReading(lines, rules, this.limits, cutShort).read()
    const { exposition } = read
    // Another reading may end between two steps.
    const before = this.#families
    const unchanged = before !== undefined && (yield* sameFamilies(before, exposition.families))
    const families = unchanged ? before : exposition.families
    this.#families = families
    this.#previous =
      rules.sameLayoutIsValid === 'never'
        ? undefined
        : yield* PreviousPage.of(rules, lines, read, families)
    return { ...exposition, families }
  }
}

const EOF = '# EOF'

/** The format of a page without a content type. */
export function formatOf(page: Buffer): TextFormat {
  const end = page.at(-1) === LINE_FEED ? page.length - 1 : page.length
  const start = end - EOF.length
  const ends = start >= 0 && page.toString('latin1', start, end) === EOF
  return ends && (start === 0 || page[start - 1] === LINE_FEED) ? 'openmetrics' : 'text'
}

/**
 * Makes the page end with a line feed: appends one, or removes an unterminated line if the dialect
 * requires one.
 */
function wholeLines(page: Buffer, { finalLineFeed }: Rules): { lines: Buffer; cutShort: boolean } {
  if (page.length === 0 || page.at(-1) === LINE_FEED) return { lines: page, cutShort: false }
  if (finalLineFeed === 'optional')
    return { lines: Buffer.concat([page, Buffer.of(LINE_FEED)]), cutShort: false }
  let end = page.length
  while (end > 0 && isBlank(page[end - 1])) end--
  const cutShort = end > 0 && page[end - 1] !== LINE_FEED
  return { lines: page.subarray(0, page.lastIndexOf(LINE_FEED) + 1), cutShort }
}
