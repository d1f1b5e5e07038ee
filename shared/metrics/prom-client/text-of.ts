/** Whatever an app gives, as prom-client prints it: `String`, but that it throws for some objects. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return String(value)
  } catch {
    return ''
  }
}
