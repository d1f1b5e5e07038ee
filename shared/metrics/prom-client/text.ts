/** Whatever an app gives, as prom-client prints it: `String`, but that it throws for some objects. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return String(value)
  } catch {
    return ''
  }
}

/** Whether UTF-8 and the formats can hold it: no half characters and no NUL. */
export const isText = (text: string) => text.isWellFormed() && !text.includes('\0')

/** Text that a layout can hold, cut to its limit. */
export function clean(text: string, maxBytes: number): string {
  const clean = isText(text) ? text : text.toWellFormed().replaceAll('\0', '\u{fffd}')
  // No character takes more than three bytes for each of its units; one that is cut in half becomes a replacement character.
  return Buffer.byteLength(clean) <= maxBytes ? clean : clean.slice(0, maxBytes / 3).toWellFormed()
}
