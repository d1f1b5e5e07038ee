/**
 * Snappy input that is not decoded. `too_large`: the output would exceed the caller's limit;
 * `malformed`: the rest.
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
  new SnappyError('too_large', `the body decompresses to ${bytes} bytes or more, over the limit of ${limit}`)
