import { sdGroups } from '../core/discovery.js'
import type { Target } from '../core/target.js'
import type { Services } from './services.js'

interface Line {
  readonly intervalMs: number
  readonly text: string
  readonly dropped: number
  readonly escaped: number
}

/**
 * The lines of `/sd` of this shard. A short line of a target is kept: it changes only with the interval.
 */
export class TargetLines {
  readonly #lines = new WeakMap<Target, Line>()

  constructor(private readonly services: Services) {}

  render(): Promise<readonly string[]> {
    const { shard, clock, telemetry, lists } = this.services
    const now = clock.now()
    return lists.render(target => {
      if (target.intervalMs === 0 || shard.judge(target, now).state === 'ended') return []
      const { text, dropped, escaped } = this.#lineOf(target)
      if (dropped > 0) telemetry.droppedLabels.inc(dropped)
      if (escaped > 0) telemetry.escapedLabels.inc(escaped)
      return [text]
    })
  }

  #lineOf(target: Target): Line {
    const known = this.#lines.get(target)
    if (known?.intervalMs === target.intervalMs) return known
    const { externalUrl, address } = this.services
    const { intervalMs } = target
    let dropped = 0
    let escaped = 0
    const labels = Object.fromEntries(target.labels.map(({ name, value }) => [name, value]))
    const [group] = sdGroups([{ state: 'up', intervalMs, labels }], {
      externalUrl: externalUrl ?? address,
      onDropped: () => dropped++,
      onEscaped: () => escaped++,
    })
    const line = { intervalMs, text: JSON.stringify(group), dropped, escaped }
    if (target.keepsListed(line.text)) this.#lines.set(target, line)
    return line
  }
}
