import type { CounterKind } from './options.js'

const CONSTANT_RATE = 10
/**
 * A bursty counter increases at `rate` for the first `seconds` of each `period` and is constant
 * otherwise.
 */
const BURST = { seconds: 5, period: 20, rate: 40 }

/**
 * The value of an app's counter, `seconds` after the app's start. The mean rate of both kinds is 10
 * per second.
 */
export function counterAt(kind: CounterKind, seconds: number): number {
  if (kind === 'constant') return CONSTANT_RATE * seconds
  const { period, rate } = BURST
  const periods = Math.floor(seconds / period)
  return rate * (periods * BURST.seconds + Math.min(BURST.seconds, seconds - periods * period))
}

/** The true per-second rate over the window that ends `seconds` after the app's start. */
export function rateOver(kind: CounterKind, seconds: number, window: number): number {
  return (counterAt(kind, seconds) - counterAt(kind, seconds - window)) / window
}
