/**
 * Thrown when another process runs with the identity of this one and has taken its place. The
 * process must not be restarted: both would end each other in turns.
 */
export class DuplicateError extends Error {
  override readonly name = 'DuplicateError'
}
