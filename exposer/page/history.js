const KEPT = 60
const FORGET_MS = 600_000

/** The delays that this page has seen of each target, a value a refresh: five minutes of them, in the browser alone. */
export class History {
  #targets = new Map()

  /** @param targets as the API gives them; what is a new snapshot adds a value */
  add(targets, now) {
    for (const target of targets) {
      const known = this.#targets.get(target.key)
      const one = known ?? { sequence: -1, values: [], seen: now }
      one.seen = now
      if (one.sequence !== target.sequence) {
        one.sequence = target.sequence
        one.values.push(target.delaySeconds)
        if (one.values.length > KEPT) one.values.shift()
      }
      if (!known) this.#targets.set(target.key, one)
    }
    for (const [key, one] of this.#targets) if (now - one.seen > FORGET_MS) this.#targets.delete(key)
  }

  of(target) {
    return this.#targets.get(target.key)?.values ?? []
  }
}

const SVG = 'http://www.w3.org/2000/svg'
const WIDTH = 72
const HEIGHT = 20

/** A line of the values from 0 to the largest of them, the newest at the right; nothing for less than two. */
export function sparkline(values, label) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', 'sparkline')
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
  svg.setAttribute('width', WIDTH)
  svg.setAttribute('height', HEIGHT)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  if (values.length < 2) return svg
  // A flat line of hundredths of a second is not to look like mountains.
  const top = Math.max(0.05, ...values)
  // Few values are a short line at the right; a dozen fill half of it.
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
