const MAX_ENTRIES = 64
const MAX_LENGTH = 1024

/**
 * Caches the results of a pure function for up to 64 texts. A full cache is emptied. Results for
 * texts of more than 1,024 characters are not cached.
 */
export function memoize<T extends NonNullable<unknown>>(
  compute: (text: string) => T,
): (text: string) => T {
  const cache = new Map<string, T>()
  return text => {
    const cached = cache.get(text)
    if (cached !== undefined) return cached
    const result = compute(text)
    if (text.length > MAX_LENGTH) return result
    if (cache.size >= MAX_ENTRIES) cache.clear()
    cache.set(text, result)
    return result
  }
}
