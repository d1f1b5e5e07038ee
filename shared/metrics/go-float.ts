/**
 * A number as Go programs print it in text formats: `expfmt` of prometheus/common, which is
 * `strconv.FormatFloat(f, 'g', -1, 64)` but for `0`, which has no sign.
 */
export function goFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
  if (value === 0) return '0'
  // The digits of both languages are the same: the fewest that give the number back.
  const [digits, power] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent >= -4 && exponent < 6) return String(value)
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/**
 * As OpenMetrics wants `le` and `quantile`, and as Prometheus 3 stores them: never without a point
 * or an exponent.
 */
export function openMetricsFloat(value: number): string {
  const text = goFloat(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}
