/** What was thrown, as an error whose message is text, whatever it is. Never throws. */
export function asError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && typeof thrown.message === 'string') return thrown
    return new Error(String(thrown))
  } catch {
    return new Error('something was thrown that has no text')
  }
}
