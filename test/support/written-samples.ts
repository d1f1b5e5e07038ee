import { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import type { WriteProtocol } from '../../shared/metrics/remote-write/request.js'
import { described } from './described-writes.js'

/** A stale marker as hex digits of its bytes. */
export const STALE = '020000000000f07f'

/** Samples and histograms by series, as they were written: bits by time, repeats once. */
export class WrittenSamples {
  /** Series as `name=value,…`, sorted; of each time the bits of its sample or histogram. */
  readonly series = new Map<string, Map<number, string>>()
  readonly metadata = new Map<string, readonly [type: string, help: string, unit: string]>()
  histograms = 0
  /** Samples with a time that was there before, with the same bits. */
  repeated = 0
  /** Samples with a time that was there before, with other bits. */
  readonly conflicts: string[] = []
  readonly #reader = new WriteReader()

  add(bytes: Buffer, protocol: WriteProtocol): void {
    const request = this.#reader.read(bytes, protocol)
    for (const { labels, samples, histograms, metadata } of described(request)) {
      const name = nameOf(labels)
      if (metadata[0] !== 'unknown') this.metadata.set(name, metadata)
      this.histograms += histograms.length
      for (const [bits, time] of [...samples, ...histograms]) this.#put(name, time, bits)
    }
  }

  /** Series of which a pattern matches the name. */
  matching(pattern: RegExp): ReadonlyMap<string, ReadonlyMap<number, string>> {
    return new Map([...this.series].filter(([name]) => pattern.test(name)))
  }

  /** All samples as lines, for comparison. */
  lines(): string[] {
    return [...this.series]
      .flatMap(([name, samples]) => [...samples].map(([time, bits]) => `${name} ${bits} ${time}`))
      .sort()
  }

  #put(name: string, time: number, bits: string): void {
    let samples = this.series.get(name)
    if (!samples) {
      samples = new Map()
      this.series.set(name, samples)
    }
    const before = samples.get(time)
    if (before === bits) this.repeated++
    else if (before !== undefined) this.conflicts.push(`${name} ${time}: ${before}, ${bits}`)
    samples.set(time, bits)
  }
}

function nameOf(labels: readonly string[]): string {
  const pairs: string[] = []
  for (let i = 0; i < labels.length; i += 2) pairs.push(`${labels[i]}=${labels[i + 1]}`)
  return pairs.sort().join(',')
}
