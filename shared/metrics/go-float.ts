/**
 * Formats a number as Go's `expfmt` of prometheus/common does in text formats. This is
 * `strconv.FormatFloat(f, 'g', -1, 64)`, except that zero has no sign.
 */
export function goFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
  if (value === 0) return '0'
  // Go and JavaScript print the same digits: the fewest that identify the number.
  const [digits, power] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent >= -4 && exponent < 6) return String(value)
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/**
 * Formats a number for `le` and `quantile` as OpenMetrics requires and Prometheus 3 stores it:
 * always with a point or an exponent.
 */
export function openMetricsFloat(value: number): string {
  const text = goFloat(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}
