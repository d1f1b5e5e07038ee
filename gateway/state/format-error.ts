/** Bytes that do not have the documented format. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}
