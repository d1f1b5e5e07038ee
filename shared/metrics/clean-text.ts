/** Whether a text has neither lone surrogates nor NULs, so that all formats can hold it. */
export const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Replaces NULs and lone surrogates by U+FFFD, so that a record can hold the text. */
export const cleaned = (text: string): string =>
  isText(text) ? text : text.toWellFormed().replaceAll('\0', '\u{fffd}')

/** As `cleaned`, and cut to at most `maxBytes` of UTF-8. */
export function cleanedTo(maxBytes: number, text: string): string {
  const clean = cleaned(text)
  // A UTF-16 unit takes at most three bytes of UTF-8. A surrogate pair that is cut becomes U+FFFD.
  return Buffer.byteLength(clean) <= maxBytes ? clean : clean.slice(0, maxBytes / 3).toWellFormed()
}
