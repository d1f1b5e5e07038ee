/** Matches in linear time, because the text is untrusted. */
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/
const INFINITE = /^[+-]?inf(inity)?$/i

/**
 * Returns the canonical text of a number in `le` or `quantile`, so that the same bucket of two
 * producers is the same series: the text of JavaScript, which prom-client uses too, and `+Inf`.
 * Other text is returned unchanged; validation refuses it where a number is required.
 */
export function canonicalFloat(text: string): string {
  const value = parse(text)
  if (value === undefined) return text
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** Whether the text is a number in the syntax of Prometheus, except hexadecimal numbers. */
export function isFloatText(text: string): boolean {
  return parse(text) !== undefined
}

function parse(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text)
  if (INFINITE.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^nan$/i.test(text) ? Number.NaN : undefined
}
