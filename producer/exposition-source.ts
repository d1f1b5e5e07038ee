import { quote } from '../shared/base/quote.js'
import { runInSlices } from '../shared/base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../shared/metrics/limits.js'
import type { Exposition } from '../shared/metrics/model.js'
import { TextReader } from '../shared/metrics/text/reader.js'

/**
 * Limits of the input, which bound the cost of a faulty source. They are wider than those of a
 * snapshot: series beyond those are dropped one by one, as with a registry.
 */
const LIMITS: Limits = {
  samples: 20 * DEFAULT_LIMITS.samples,
  labels: 20 * DEFAULT_LIMITS.labels,
  nameBytes: 64 * 1024,
  valueBytes: 1024 * 1024,
  bytes: 256 * 1024 * 1024,
  parts: 1,
}

/**
 * Reads the expositions of one source, in text format 0.0.4, 1.0.0 or OpenMetrics. Accepts what
 * Prometheus accepts in a scrape.
 */
export class ExpositionSource {
  readonly #reader = new TextReader('scrape', LIMITS)

  /**
   * Yields the event loop between slices.
   *
   * @throws Error with the line number and the reason
   */
  async read(text: string): Promise<Exposition> {
    const start = text.slice(0, 1000).trimStart()
    if (start.startsWith('<')) {
      throw new Error(
        `the source returned a web page instead of metrics, beginning with ${quote(start.split('\n')[0])}; check its URL and credentials`,
      )
    }
    return runInSlices(this.#reader.readInSteps(Buffer.from(text)))
  }
}
