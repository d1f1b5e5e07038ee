import { DOT, isDigit, MINUS, PLUS, ZERO } from './bytes.js'

/** The powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
/**
 * Integers with so many digits are exact. The product or quotient of two exact numbers is correctly
 * rounded.
 */
const EXACT_DIGITS = 15
const MAX_CHARACTERS = 1024
const E = 101

/**
 * Reads numbers as Go's `strconv.ParseFloat` does without hexadecimals and underscores, which is
 * also the grammar of OpenMetrics: decimals, `inf` and `infinity` with a sign and `nan` without, in
 * any case. The result is the nearest double. A decimal beyond the largest double is not a number.
 */
export class NumberReader {
  /** Position after the number that was read last, or -1 if there was none. */
  end = 0

  /** @param page has a line feed at or after `at` */
  read(page: Buffer, at: number): number {
    let i = at
    let byte = page[i]
    const negative = byte === MINUS
    if (negative) byte = page[++i]
    const first = i
    const stop = first + MAX_CHARACTERS
    let mantissa = 0
    while (byte >= ZERO && byte <= 57 && i < stop) {
      mantissa = mantissa * 10 + (byte - ZERO)
      byte = page[++i]
    }
    let digits = i - first
    let exponent = 0
    if (byte === DOT) {
      const fraction = ++i
      byte = page[i]
      while (byte >= ZERO && byte <= 57 && i < stop) {
        mantissa = mantissa * 10 + (byte - ZERO)
        byte = page[++i]
      }
      exponent = fraction - i
      digits -= exponent
    }
    if (digits === 0 || digits > EXACT_DIGITS) return this.#readAny(page, at)
    if ((byte | 32) === E) {
      // At most two digits: larger powers of ten are not exact.
      const sign = page[++i]
      if (sign === MINUS || sign === PLUS) i++
      const power = page[i] - ZERO
      if (!isDigit(page[i]) || (isDigit(page[i + 1]) && isDigit(page[i + 2])))
        return this.#readAny(page, at)
      const given = isDigit(page[++i]) ? power * 10 + (page[i++] - ZERO) : power
      exponent += sign === MINUS ? -given : given
      if (exponent > 22 || exponent < -22) return this.#readAny(page, at)
    }
    this.end = i
    const value = exponent < 0 ? mantissa / POWERS[-exponent] : mantissa * POWERS[exponent]
    return negative ? -value : value
  }

  #readAny(page: Buffer, at: number): number {
    const signed = page[at] === MINUS || page[at] === PLUS
    const start = signed ? at + 1 : at
    const letter = page[start] | 32
    if (letter === 105) {
      const length = wordAt(page, start, 'infinity') || wordAt(page, start, 'inf')
      this.end = length ? start + length : -1
      return page[at] === MINUS ? -Infinity : Infinity
    }
    if (letter === 110) {
      this.end = !signed && wordAt(page, start, 'nan') ? start + 3 : -1
      return Number.NaN
    }
    const end = endOfDecimal(page, start)
    if (end < 0 || end - at > MAX_CHARACTERS) {
      this.end = -1
      return Number.NaN
    }
    const value = Number(page.toString('latin1', at, end))
    this.end = Number.isFinite(value) ? end : -1
    return value
  }
}

/** The length of the word, in any case, or 0. */
function wordAt(page: Buffer, at: number, word: string): number {
  for (let i = 0; i < word.length; i++) if ((page[at + i] | 32) !== word.charCodeAt(i)) return 0
  return word.length
}

/** Position after a decimal number, or -1. The byte after it is not checked. */
function endOfDecimal(page: Buffer, at: number): number {
  const limit = at + MAX_CHARACTERS + 1
  let i = at
  while (isDigit(page[i]) && i < limit) i++
  let digits = i - at
  if (page[i] === DOT) {
    const fraction = ++i
    while (isDigit(page[i]) && i < limit) i++
    digits += i - fraction
  }
  if (digits === 0) return -1
  if ((page[i] | 32) !== E) return i
  const sign = page[i + 1]
  const exponent = sign === MINUS || sign === PLUS ? i + 2 : i + 1
  i = exponent
  while (isDigit(page[i]) && i < limit) i++
  return i === exponent ? -1 : i
}

const LARGEST_INT64 = 9223372036854775807n

/**
 * Reads an integer of 64 bits and sets `end` of the reader. Beyond 2^53 the result is the nearest
 * double.
 *
 * @param signed whether a sign is allowed
 */
export function readInteger(
  reader: NumberReader,
  page: Buffer,
  at: number,
  signed: boolean,
): number {
  const negative = page[at] === MINUS
  const start = signed && (negative || page[at] === PLUS) ? at + 1 : at
  let i = start
  let value = 0
  while (isDigit(page[i]) && i - start < MAX_CHARACTERS) value = value * 10 + (page[i++] - ZERO)
  reader.end = i
  if (i === start) reader.end = -1
  else if (i - start > EXACT_DIGITS) {
    const exact = BigInt(page.toString('latin1', start, i))
    if (exact > LARGEST_INT64 + (negative ? 1n : 0n)) reader.end = -1
    value = Number(exact)
  }
  return negative ? -value : value
}

/** The number that the text represents, or undefined. */
export function numberOfText(text: string): number | undefined {
  const reader = new NumberReader()
  const page = Buffer.from(`${text}\n`)
  const value = reader.read(page, 0)
  return reader.end === page.length - 1 ? value : undefined
}
