/** A metric name that every Prometheus can read. @see https://prometheus.io/docs/concepts/data_model/ */
export function isLegacyMetricName(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
}

/** A label name that every Prometheus can read. */
export function isLegacyLabelName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)
}

/** The `underscores` scheme: what is not legal becomes `_`, a code point each. */
export function underscores(name: string, legal: RegExp): string {
  let escaped = ''
  for (const character of name) {
    escaped += legal.test(character) && !(escaped === '' && /[0-9]/.test(character)) ? character : '_'
  }
  return escaped
}

export const METRIC_CHARACTER = /^[a-zA-Z0-9_:]$/
export const LABEL_CHARACTER = /^[a-zA-Z0-9_]$/

/** A label value, or a quoted name: backslash, quote and line feed. */
export function escapeValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`)) : value
}

/** A help text: backslash and line feed; OpenMetrics escapes the quote too. */
export function escapeHelp(help: string, openMetrics: boolean): string {
  if (openMetrics) return escapeValue(help)
  return /[\\\n]/.test(help) ? help.replace(/[\\\n]/g, c => (c === '\n' ? '\\n' : '\\\\')) : help
}
