/**
 * Snappy input that cannot be decoded: `too_large` if the output would exceed the limit of the
 * caller, else `malformed`.
 */
export class SnappyError extends Error {
  override readonly name = 'SnappyError'
  constructor(
    readonly reason: 'too_large' | 'malformed',
    message: string,
  ) {
    super(`snappy: ${message}`)
  }
}

export const malformed = (message: string) => new SnappyError('malformed', message)

export const tooLarge = (bytes: number, limit: number) =>
  new SnappyError(
    'too_large',
    `the body decompresses to ${bytes} bytes or more, over the limit of ${limit}`,
  )
