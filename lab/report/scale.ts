/** Maps values to pixels of an axis. */
export interface Scale {
  (value: number): number
  readonly ticks: readonly number[]
}

/**
 * Linear scale that is extended to full steps.
 *
 * @param range first and last pixel of the axis
 * @param count approximate number of ticks
 */
export function linear(
  low: number,
  high: number,
  range: readonly [number, number],
  count = 5,
): Scale {
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high]
  const step = niceStep((to - from) / count)
  const first = Math.floor(from / step) * step
  const last = Math.ceil(to / step) * step
  const toPixel = (value: number) =>
    range[0] + ((value - first) / (last - first)) * (range[1] - range[0])
  const ticks = Array.from(
    { length: Math.round((last - first) / step) + 1 },
    (_, i) => first + i * step,
  )
  return Object.assign(toPixel, { ticks: ticks.map(tick => Number(tick.toPrecision(12))) })
}

/**
 * Logarithmic scale that is extended to powers of ten. Values below it are mapped to its lower end.
 */
export function logarithmic(low: number, high: number, range: readonly [number, number]): Scale {
  const first = Math.floor(Math.log10(low))
  const last = Math.max(first + 1, Math.ceil(Math.log10(high)))
  const toPixel = (value: number) => {
    const exponent = value > 0 ? Math.max(first, Math.log10(value)) : first
    return range[0] + ((exponent - first) / (last - first)) * (range[1] - range[0])
  }
  const powers = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
  const stride = Math.ceil(powers.length / 6)
  return Object.assign(toPixel, { ticks: powers.filter((_, i) => i % stride === 0) })
}

/** The smallest step of 1, 2 or 5 times a power of ten that is at least `minimum`. */
function niceStep(minimum: number): number {
  const power = 10 ** Math.floor(Math.log10(minimum))
  return ([1, 2, 5, 10].find(factor => factor * power >= minimum * 0.999) ?? 10) * power
}
