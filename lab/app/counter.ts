import type { CounterKind } from './options.js'

/** Of a bursty counter: for so many seconds of each period it counts, and then it stands still. */
const BURST = { seconds: 5, period: 20, rate: 40 }
const CONSTANT_RATE = 10

/** What an app's counter is so many seconds after it began. Both kinds count 10 a second on average. */
export function counterAt(kind: CounterKind, seconds: number): number {
  if (kind === 'constant') return CONSTANT_RATE * seconds
  const { period, rate } = BURST
  const periods = Math.floor(seconds / period)
  return rate * (periods * BURST.seconds + Math.min(BURST.seconds, seconds - periods * period))
}

/** The true rate over the window that ends then, per second. */
export function rateOver(kind: CounterKind, seconds: number, window: number): number {
  return (counterAt(kind, seconds) - counterAt(kind, seconds - window)) / window
}
