const UNITS = [
  ['y', 31_536_000_000],
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

const GRAMMAR = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/

/**
 * Parses a duration in the format of Prometheus: `15s`, `1h30m`, `500ms`, or `0` without a unit.
 * Units descend, and each occurs at most once.
 *
 * @returns milliseconds, or undefined if the text is not a duration
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const match = GRAMMAR.exec(text)
  if (!text || !match) return undefined
  const ms = UNITS.reduce((sum, [, size], i) => sum + Number(match[i + 1] ?? 0) * size, 0)
  return Number.isSafeInteger(ms) ? ms : undefined
}

/**
 * Formats milliseconds so that `parseDuration` reads the same value. The largest unit is the day.
 */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms)
  let text = ''
  for (const [unit, size] of UNITS) {
    if (unit === 'y' || unit === 'w' || rest < size) continue
    text += Math.floor(rest / size) + unit
    rest %= size
  }
  return text || '0s'
}
