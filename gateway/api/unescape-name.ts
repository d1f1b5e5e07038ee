const PREFIX = 'U__'
const MAX_DIGITS = 6
/** An underscore, and what it means: another underscore, or a code point in hexadecimal digits. */
const ESCAPE = /_(?:(_)|([0-9a-fA-F]*)_)?/g

/**
 * The name that a name in the escaping scheme `values` stands for: `U__x_2e_y` is `x.y`. A name
 * without the prefix, or with an invalid escape sequence, stands for itself, as in Pushgateway.
 *
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */
export function unescapeName(name: string): string {
  if (!name.startsWith(PREFIX)) return name
  let valid = true
  const unescaped = name
    .slice(PREFIX.length)
    .replace(ESCAPE, (_, underscore: string | undefined, digits: string | undefined) => {
      if (underscore !== undefined) return '_'
      const point = digits === undefined || digits.length > MAX_DIGITS ? -1 : codePoint(digits)
      if (point >= 0) return String.fromCodePoint(point)
      valid = false
      return ''
    })
  return valid ? unescaped : name
}

/** @returns -1 for a number that is no character */
function codePoint(digits: string): number {
  const point = Number.parseInt(digits || '0', 16)
  return point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? -1 : point
}
