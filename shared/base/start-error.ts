/** A program cannot run at all. The message says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
