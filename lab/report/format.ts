import { spreadOf } from '../stats/spread.js'
import type { Figure } from '../types.js'

/** At least three significant digits, with the suffix k or M from 10,000 on. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const magnitude = Math.abs(value)
  const sign = value < 0 ? '−' : ''
  if (magnitude === 0) return '0'
  if (magnitude >= 999_500) return `${sign}${digits(magnitude / 1e6)} M`
  if (magnitude >= 9_999.5) return `${sign}${digits(magnitude / 1e3)} k`
  if (magnitude < 0.001) return `${sign}${magnitude.toExponential(0).replace('e-', '·10^−')}`
  return sign + digits(magnitude)
}

const digits = (magnitude: number) =>
  magnitude >= 99.95 ? String(Math.round(magnitude)) : String(Number(magnitude.toPrecision(3)))

/** "median (min–max)"; a single value by itself; "not measured" without values. */
export function formatFigure({ values }: Pick<Figure, 'values'>): string {
  const spread = spreadOf(values)
  if (!spread) return 'not measured'
  const [middle, min, max] = [spread.median, spread.min, spread.max].map(formatNumber)
  // "−3–−1" is not readable as a range.
  const separator = spread.min < 0 ? ' to ' : '–'
  return spread.count === 1 || min === max ? middle : `${middle} (${min}${separator}${max})`
}

/** "1 h 02 min", "3 min 20 s", "12 s". */
export function formatSeconds(seconds: number): string {
  const rounded = Math.round(seconds)
  if (rounded < 60) return `${rounded} s`
  const minutes = Math.floor(rounded / 60)
  if (minutes < 60) return `${minutes} min ${String(rounded % 60).padStart(2, '0')} s`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/**
 * Symbol, word and CSS class of a verdict. The symbol and the word do not depend on colour vision.
 */
export const verdictOf = (holds: boolean | null) =>
  holds === null
    ? ({ sign: '?', word: 'inconclusive', kind: 'unknown' } as const)
    : holds
      ? ({ sign: '✓', word: 'confirmed', kind: 'holds' } as const)
      : ({ sign: '✗', word: 'refuted', kind: 'fails' } as const)
