/**
 * A sample's value as text. JavaScript's shortest form is valid in every exposition but for the two infinities and the
 * sign of zero.
 */
export function numberText(value: number): string {
  if (value - value === 0) return value === 0 && 1 / value < 0 ? '-0' : `${value}`
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : 'NaN'
}
