import { median } from './quantile.js'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** How many values these are of. */
  readonly count: number
}

/** The middle and the range of repetitions; null of none. */
export function spreadOf(values: readonly number[]): Spread | null {
  const known = values.filter(value => !Number.isNaN(value))
  if (known.length === 0) return null
  return { median: median(known), min: Math.min(...known), max: Math.max(...known), count: known.length }
}
