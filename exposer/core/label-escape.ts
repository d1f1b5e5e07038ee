/** Prefix of escaped names. */
export const ESCAPED_PREFIX = 'U__'
const PLAIN = /^[a-zA-Z0-9]$/
const MAX_CODE_POINT = 0x10ffff

/**
 * The escaping scheme `values` of Prometheus for label names: `U__`, then each underscore doubled
 * and each other character that an old Prometheus does not know as `_hex_`. It can be reversed.
 *
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */
export function escapeLabelName(name: string): string {
  let escaped = ESCAPED_PREFIX
  for (const character of name) {
    if (character === '_') escaped += '__'
    else if (PLAIN.test(character)) escaped += character
    else escaped += `_${character.codePointAt(0)!.toString(16)}_`
  }
  return escaped
}

/** Reverses `escapeLabelName`. Undefined if the name is not escaped. */
export function unescapeLabelName(escaped: string): string | undefined {
  if (!escaped.startsWith(ESCAPED_PREFIX)) return undefined
  const rest = escaped.slice(ESCAPED_PREFIX.length)
  if (!/^(?:[a-zA-Z0-9]|__|_[0-9a-f]{1,6}_)*$/.test(rest)) return undefined
  let known = true
  const name = rest.replace(/__|_([0-9a-f]+)_/g, (_, hex: string | undefined) => {
    if (hex === undefined) return '_'
    const code = Number.parseInt(hex, 16)
    known &&= code <= MAX_CODE_POINT
    return known ? String.fromCodePoint(code) : ''
  })
  return known ? name : undefined
}
