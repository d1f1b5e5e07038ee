/** Whether UTF-8 and the formats can hold it: no half characters and no NUL. */
export const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Text that a record can hold: NULs and half characters become U+FFFD. */
export const cleaned = (text: string): string =>
  isText(text) ? text : text.toWellFormed().replaceAll('\0', '\u{fffd}')

/** The same, cut to its limit. */
export function cleanedTo(maxBytes: number, text: string): string {
  const clean = cleaned(text)
  // No character takes more than three bytes for each of its units; one that is cut in half
  // becomes a replacement character.
  return Buffer.byteLength(clean) <= maxBytes ? clean : clean.slice(0, maxBytes / 3).toWellFormed()
}
