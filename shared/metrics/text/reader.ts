import { runNow, type Steps } from '../../base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../limits.js'
import type { Exposition, Family } from '../model.js'
import { isBlank, LINE_FEED } from './bytes.js'
import { type Rules, rulesOf, type TextDialect, type TextFormat } from './dialect.js'
import { PageReading } from './page-reading.js'
import { PreviousPage } from './previous-page.js'
import { sameFamilies } from './same-families.js'

/**
 * Reads pages of one target: Prometheus text 0.0.4 and 1.0.0, OpenMetrics 1.0.
 *
 * A page that differs from the one before in its numbers only is read at several hundred megabytes per second, and its exposition has
 * the same `families` object. The reader keeps a copy of the last page that was valid: `retainedBytes`.
 */
export class TextReader {
  #previous: PreviousPage | undefined
  #families: readonly Family[] | undefined

  constructor(
    private readonly dialect: TextDialect,
    private readonly limits: Limits = DEFAULT_LIMITS,
  ) {}

  /** Bytes of the copy. What was read from it takes about three times as much. */
  get retainedBytes(): number {
    return this.#previous?.bytes ?? 0
  }

  /**
   * Reads a page at once.
   *
   * @param format as the content type says it, for the dialect `scrape`. Without one, a page that ends in `# EOF` is OpenMetrics
   * @throws ExpositionRefused for a page that the dialect does not accept, and nothing else
   */
  read(page: Buffer, format?: TextFormat): Exposition {
    return runNow(this.readInSteps(page, format))
  }

  /** As `read`, in steps of well under a millisecond. The page must not change in between. */
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
    const known = this.#families && (yield* sameFamilies(this.#families, exposition.families))
    const families = known ? this.#families! : exposition.families
    this.#families = families
    this.#previous =
      rules.sameLayoutIsValid === 'never' ? undefined : yield* PreviousPage.of(rules, lines, read, families)
    return { ...exposition, families }
  }
}

const EOF = '# EOF'

/** The format of a page whose sender does not say it. */
export function formatOf(page: Buffer): TextFormat {
  const end = page.at(-1) === LINE_FEED ? page.length - 1 : page.length
  const start = end - EOF.length
  const ends = start >= 0 && page.toString('latin1', start, end) === EOF
  return ends && (start === 0 || page[start - 1] === LINE_FEED) ? 'openmetrics' : 'text'
}

/** The page with a line feed at its end: one is added, or the last line is taken off where it needs one. */
function wholeLines(page: Buffer, { finalLineFeed }: Rules): { lines: Buffer; cutShort: boolean } {
  if (page.length === 0 || page.at(-1) === LINE_FEED) return { lines: page, cutShort: false }
  if (finalLineFeed === 'optional')
    return { lines: Buffer.concat([page, Buffer.of(LINE_FEED)]), cutShort: false }
  let end = page.length
  while (end > 0 && isBlank(page[end - 1])) end--
  const cutShort = end > 0 && page[end - 1] !== LINE_FEED
  return { lines: page.subarray(0, page.lastIndexOf(LINE_FEED) + 1), cutShort }
}
