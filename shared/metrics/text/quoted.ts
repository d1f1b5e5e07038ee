import { BACKSLASH, LINE_FEED, QUOTE } from './bytes.js'
import type { Cursor } from './cursor.js'

export interface QuotedRules {
  /** For messages: `label value`. */
  readonly what: string
  readonly maxBytes: number
  readonly lineFeeds: boolean
  readonly unknownEscape: 'keep' | 'refuse'
}

/** Reads a quoted string, closing quotation mark included. */
export function readQuoted(cursor: Cursor, rules: QuotedRules): string {
  const { page } = cursor
  const start = cursor.at + 1
  // An escape sequence is two bytes for one.
  const limit = start + 2 * rules.maxBytes
  const line = cursor.line
  let escapes = false
  let i = start
  while (page[i] !== QUOTE) {
    if (i >= limit) refuseLength(cursor, rules)
    if (page[i] === BACKSLASH) {
      escapes = true
      i++
      // No dialect accepts a line feed after a backslash.
      if (page[i] === LINE_FEED) refuseOpen(cursor, line, rules)
    } else if (page[i] === LINE_FEED) {
      if (!rules.lineFeeds || i === cursor.end - 1) refuseOpen(cursor, line, rules)
      cursor.line++
    }
    i++
  }
  cursor.at = i + 1
  if (!escapes) {
    if (i - start > rules.maxBytes) refuseLength(cursor, rules)
    return cursor.text(start, i, rules.what)
  }
  const text = unescaped(cursor, cursor.text(start, i, rules.what), rules.unknownEscape, true)
  if (Buffer.byteLength(text) > rules.maxBytes) refuseLength(cursor, rules)
  return text
}

/** @param quotes whether `\"` is a quotation mark */
export function unescaped(
  cursor: Cursor,
  text: string,
  unknown: 'keep' | 'refuse',
  quotes: boolean,
): string {
  let result = ''
  let from = 0
  for (let i = text.indexOf('\\'); i >= 0; i = text.indexOf('\\', i + 2)) {
    const next = text[i + 1]
    const meant = next === 'n' ? '\n' : next === '\\' || (quotes && next === '"') ? next : undefined
    if (meant === undefined) {
      if (unknown === 'refuse')
        cursor.refuse(
          'syntax',
          'a backslash is followed by a character other than n, " or a backslash; write \\\\ for a backslash',
        )
      continue
    }
    result += text.slice(from, i) + meant
    from = i + 2
  }
  return result + text.slice(from)
}

function refuseLength(cursor: Cursor, { what, maxBytes }: QuotedRules): never {
  cursor.refuse('limit', `the ${what} has more than ${maxBytes} bytes; shorten it`)
}

function refuseOpen(cursor: Cursor, line: number, { what }: QuotedRules): never {
  cursor.line = line
  cursor.refuse(
    'syntax',
    `the ${what} has no closing quotation mark in its line; write \\n for a line feed and \\" for a quotation mark`,
  )
}
