/**
 * One text for each number in `le` and `quantile`, so that the same bucket of two producers is the same series: what
 * JavaScript prints, which is also what prom-client exposes, and `+Inf`. What is no number is left as it is; validation
 * refuses it where a number is required.
 */
export function canonicalFloat(text: string): string {
  if (text === '+Inf' || text === 'Inf') return '+Inf'
  if (text === '-Inf' || text === 'NaN') return text
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return text
  const value = Number(text)
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

export function isFloatText(text: string): boolean {
  return /^[+-]?(Inf|\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)$/.test(text) || text === 'NaN'
}
