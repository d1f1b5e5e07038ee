/**
 * Tries until it no longer throws. The only way tests wait: for a condition, never for a time.
 *
 * @param within milliseconds after which the last failure is thrown
 */
export async function eventually<T>(attempt: () => T | Promise<T>, within = 30_000, every = 100): Promise<T> {
  const until = performance.now() + within
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise(resolve => setTimeout(resolve, every))
    }
  }
}
