import type { NaiveRecord } from './record.js'

interface Sample {
  readonly value: number
  readonly timestamp: number
}

interface Family {
  readonly type: string
  /** By name and labels as they stand in a line. */
  readonly series: Map<string, Sample[]>
}

/**
 * "An exposer consumes them and gives Prometheus everything since the last scrape": what has been consumed and not been scraped yet. A scrape
 * takes it all out, because there is no other moment at which it could be thrown away.
 */
export class NaiveStore {
  #families = new Map<string, Family>()
  /** Samples that are held. */
  samples = 0

  apply({ labels, timestamp, name, type, samples }: NaiveRecord): void {
    let family = this.#families.get(name)
    if (!family) {
      family = { type, series: new Map() }
      this.#families.set(name, family)
    }
    for (const [metric, own, value] of samples) {
      const key = `${metric}${labelText({ ...own, ...labels })}`
      const sample = { value, timestamp }
      const held = family.series.get(key)
      if (held) held.push(sample)
      else family.series.set(key, [sample])
      this.samples++
    }
  }

  /** @param timestamps every sample with its time; without, the newest of each series, which Prometheus stamps with the scrape's */
  *drain(timestamps: boolean): Generator<string> {
    const families = this.#families
    this.#families = new Map()
    this.samples = 0
    for (const [name, { type, series }] of families) {
      yield `# TYPE ${name} ${type}\n`
      let text = ''
      for (const [key, samples] of series) {
        if (timestamps) for (const { value, timestamp } of samples) text += `${key} ${value} ${timestamp}\n`
        else text += `${key} ${samples[samples.length - 1].value}\n`
        if (text.length < 65_536) continue
        yield text
        text = ''
      }
      yield text
    }
  }
}

function labelText(labels: Readonly<Record<string, string | number>>): string {
  const parts = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${String(value).replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`,
  )
  return `{${parts.join(',')}}`
}
