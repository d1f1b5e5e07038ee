const GRAMMAR = /^(\d+)(?:([KMGT])i?)?B?$/
const POWERS = { K: 1, M: 2, G: 3, T: 4 } as const

/**
 * Parses a size as Prometheus does: `512KB` and `512KiB` are both 524,288 bytes. A number without a
 * unit is in bytes.
 *
 * @returns bytes, or undefined if the text is not a size
 */
export function parseSize(text: string): number | undefined {
  const match = GRAMMAR.exec(text)
  if (!match) return undefined
  const bytes = Number(match[1]) * 1024 ** (match[2] ? POWERS[match[2] as keyof typeof POWERS] : 0)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
