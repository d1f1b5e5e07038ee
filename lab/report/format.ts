import { spreadOf } from '../stats/spread.js'
import type { Figure } from '../types.js'

/** Three digits that count; thousands and millions by k and M. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  const sign = value < 0 ? '−' : ''
  if (size === 0) return '0'
  if (size >= 999_500) return `${sign}${digits(size / 1e6)} M`
  if (size >= 9_999.5) return `${sign}${digits(size / 1e3)} k`
  if (size < 0.001) return `${sign}${size.toExponential(0).replace('e-', '·10^−')}`
  return sign + digits(size)
}

const digits = (size: number) =>
  size >= 99.95 ? String(Math.round(size)) : String(Number(size.toPrecision(3)))

/** "median (min–max)", only the value when there is one, "not measured" when there is none. */
export function formatFigure({ values }: Pick<Figure, 'values'>): string {
  const spread = spreadOf(values)
  if (!spread) return 'not measured'
  const [middle, min, max] = [spread.median, spread.min, spread.max].map(formatNumber)
  // "−3–−1" would not be read as a range.
  const to = spread.min < 0 ? ' to ' : '–'
  return spread.count === 1 || min === max ? middle : `${middle} (${min}${to}${max})`
}

/** "1 h 02 min", "3 min 20 s", "12 s". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** How a verdict is said. Colour alone says nothing to some. */
export const verdictOf = (holds: boolean | null) =>
  holds === null
    ? ({ sign: '?', word: 'not told', kind: 'unknown' } as const)
    : holds
      ? ({ sign: '✓', word: 'confirmed', kind: 'holds' } as const)
      : ({ sign: '✗', word: 'refuted', kind: 'fails' } as const)
