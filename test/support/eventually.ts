/** Says that it was waited for in vain: such a failure is tried once more (vitest.config.ts). */
function waitedFor(ms: number, error: unknown): unknown {
  if (error instanceof Error) error.message += ` (after waiting ${ms / 1000} s)`
  return error
}

/**
 * Repeats `attempt` until it does not throw. Tests wait only in this way: for a condition, not for
 * a time.
 *
 * @param within milliseconds after which the last error is thrown. Only a test that fails takes as
 *   long, so that it may be many times the time that a machine without other load needs.
 * @param every milliseconds between attempts
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  within = 60_000,
  every = 100,
): Promise<T> {
  const until = performance.now() + within
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > until) throw waitedFor(within, error)
      await new Promise(resolve => setTimeout(resolve, every))
    }
  }
}
