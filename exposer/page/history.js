const MAX_DELAYS = 60
const FORGET_MS = 600_000

/**
 * Propagation delays of each target since the page was opened: one value per refresh that brought a
 * new snapshot, at most five minutes of them.
 */
export class DelayHistory {
  #targets = new Map()

  /** @param targets targets of the API response */
  add(targets, now) {
    for (const target of targets) {
      const existing = this.#targets.get(target.key)
      const entry = existing ?? { sequence: -1, delays: [], seenAt: now }
      entry.seenAt = now
      if (entry.sequence !== target.sequence) {
        entry.sequence = target.sequence
        entry.delays.push(target.delaySeconds)
        if (entry.delays.length > MAX_DELAYS) entry.delays.shift()
      }
      if (!existing) this.#targets.set(target.key, entry)
    }
    for (const [key, { seenAt }] of this.#targets)
      if (now - seenAt > FORGET_MS) this.#targets.delete(key)
  }

  delaysOf(target) {
    return this.#targets.get(target.key)?.delays ?? []
  }
}

const SVG = 'http://www.w3.org/2000/svg'
const WIDTH = 72
const HEIGHT = 20

/**
 * A line chart of the values, scaled from 0 to the maximum, newest value at the right. Empty below
 * two values.
 */
export function createSparkline(values, label) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', 'sparkline')
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
  svg.setAttribute('width', WIDTH)
  svg.setAttribute('height', HEIGHT)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  if (values.length < 2) return svg
  // The scale is at least 50 ms, so that noise of a few milliseconds stays flat.
  const top = Math.max(0.05, ...values)
  // Up to 24 values have a fixed distance, so that a short history covers a part of the width.
  const step = WIDTH / Math.max(24, values.length - 1)
  const left = WIDTH - (values.length - 1) * step
  const y = value => HEIGHT - 2 - (Math.max(0, value) / top) * (HEIGHT - 4)
  const line = document.createElementNS(SVG, 'polyline')
  line.setAttribute(
    'points',
    values.map((value, i) => `${(left + i * step).toFixed(1)},${y(value).toFixed(1)}`).join(' '),
  )
  svg.append(line)
  return svg
}
