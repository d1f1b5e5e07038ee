/**
 * Converts a label value as prom-client does, by `String`. Empty for objects for which that throws.
 */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return String(value)
  } catch {
    return ''
  }
}
