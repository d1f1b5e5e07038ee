/**
 * Whether a metric name is valid in every version of Prometheus.
 *
 * @see https://prometheus.io/docs/concepts/data_model/
 */
export function isLegacyMetricName(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
}

/** Whether a label name is valid in every version of Prometheus. */
export function isLegacyLabelName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)
}

/** The escaping scheme `underscores`: replaces each invalid code point by `_`. */
export function underscores(name: string, legal: RegExp): string {
  let escaped = ''
  for (const character of name) {
    escaped +=
      legal.test(character) && !(escaped === '' && /[0-9]/.test(character)) ? character : '_'
  }
  return escaped
}

export const METRIC_CHARACTER = /^[a-zA-Z0-9_:]$/
export const LABEL_CHARACTER = /^[a-zA-Z0-9_]$/

/** Escapes a label value or a quoted name: backslash, quote and line feed. */
export function escapeValue(value: string): string {
  // Three native passes take half the time of a function for each character.
  return /[\\"\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value
}

/** Escapes a help text: backslash and line feed, and in OpenMetrics the quote. */
export function escapeHelp(help: string, openMetrics: boolean): string {
  if (openMetrics) return escapeValue(help)
  return /[\\\n]/.test(help) ? help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n') : help
}
