import { median } from './quantile.js'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Number of values. */
  readonly count: number
}

/** Median and range, ignoring NaN. Null if there are no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  const known = values.filter(value => !Number.isNaN(value))
  if (known.length === 0) return null
  return {
    median: median(known),
    min: Math.min(...known),
    max: Math.max(...known),
    count: known.length,
  }
}
