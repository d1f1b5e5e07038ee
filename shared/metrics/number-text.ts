/**
 * Formats the value of a sample. JavaScript's shortest form is valid in all text formats, except
 * for the infinities and negative zero.
 */
export function numberText(value: number): string {
  if (value - value === 0) return value === 0 && 1 / value < 0 ? '-0' : `${value}`
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : 'NaN'
}
