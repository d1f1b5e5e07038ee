const MOST = 64
const LONGEST = 1024

/** A pure function of a text that remembers what it said of the last few dozen short ones, for those that come again and again. */
export function memoize<T extends NonNullable<unknown>>(of: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return text => {
    const before = known.get(text)
    if (before !== undefined) return before
    const result = of(text)
    if (text.length > LONGEST) return result
    if (known.size >= MOST) known.clear()
    known.set(text, result)
    return result
  }
}
