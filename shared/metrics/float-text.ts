/** Linear in the text's length, whatever the text is: anybody may have written it. */
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/
const INFINITE = /^[+-]?inf(inity)?$/i

/**
 * One text for each number in `le` and `quantile`, so that the same bucket of two producers is the same series: what
 * JavaScript prints, which is also what prom-client exposes, and `+Inf`. What is no number is left as it is; validation
 * refuses it where a number is required.
 */
export function canonicalFloat(text: string): string {
  const value = parse(text)
  if (value === undefined) return text
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** Whether it is a number as Prometheus writes and reads them, hexadecimal aside. */
export function isFloatText(text: string): boolean {
  return parse(text) !== undefined
}

function parse(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text)
  if (INFINITE.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^nan$/i.test(text) ? Number.NaN : undefined
}
