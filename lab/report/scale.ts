/** From values to places on an axis. */
export interface Scale {
  (value: number): number
  readonly ticks: readonly number[]
}

/** @param room pixels of the axis, from and to */
export function linear(low: number, high: number, room: readonly [number, number], count = 5): Scale {
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high]
  const step = niceStep((to - from) / count)
  const first = Math.floor(from / step) * step
  const last = Math.ceil(to / step) * step
  const place = (value: number) => room[0] + ((value - first) / (last - first)) * (room[1] - room[0])
  const ticks = Array.from({ length: Math.round((last - first) / step) + 1 }, (_, i) => first + i * step)
  return Object.assign(place, { ticks: ticks.map(tick => Number(tick.toPrecision(12))) })
}

/** Powers of ten; what is not above 0 is put at the low end. */
export function logarithmic(low: number, high: number, room: readonly [number, number]): Scale {
  const first = Math.floor(Math.log10(low))
  const last = Math.max(first + 1, Math.ceil(Math.log10(high)))
  const place = (value: number) => {
    const exponent = value > 0 ? Math.max(first, Math.log10(value)) : first
    return room[0] + ((exponent - first) / (last - first)) * (room[1] - room[0])
  }
  const all = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
  const every = Math.ceil(all.length / 6)
  return Object.assign(place, { ticks: all.filter((_, i) => i % every === 0) })
}

/** 1, 2 or 5 times a power of ten, not below. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return ([1, 2, 5, 10].find(factor => factor * power >= least * 0.999) ?? 10) * power
}
