import type { NaiveRecord } from './record.js'

interface Sample {
  readonly value: number
  readonly timestamp: number
}

interface Family {
  readonly type: string
  /** Samples by metric name and labels in text format. */
  readonly series: Map<string, Sample[]>
}

/**
 * All samples that were consumed since the last scrape. A scrape removes them: the usual design has
 * no other event at which samples can be discarded.
 */
export class NaiveStore {
  #families = new Map<string, Family>()
  /** Number of samples in the store. */
  samples = 0

  apply({ labels: targetLabels, timestamp, name, type, samples }: NaiveRecord): void {
    let family = this.#families.get(name)
    if (!family) {
      family = { type, series: new Map() }
      this.#families.set(name, family)
    }
    for (const [metric, labels, value] of samples) {
      const key = `${metric}${labelText({ ...labels, ...targetLabels })}`
      const sample = { value, timestamp }
      const stored = family.series.get(key)
      if (stored) stored.push(sample)
      else family.series.set(key, [sample])
      this.samples++
    }
  }

  /**
   * Removes all samples and renders them in text format.
   *
   * @param timestamps true: every sample with its timestamp; false: the newest sample of each
   * series without one, so that Prometheus assigns the scrape time
   */
  *drain(timestamps: boolean): Generator<string> {
    const families = this.#families
    this.#families = new Map()
    this.samples = 0
    for (const [name, { type, series }] of families) {
      yield `# TYPE ${name} ${type}\n`
      let text = ''
      for (const [key, samples] of series) {
        if (timestamps)
          for (const { value, timestamp } of samples) text += `${key} ${value} ${timestamp}\n`
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
