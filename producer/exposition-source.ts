import { quote } from '../shared/base/quote.js'
import { runInSlices } from '../shared/base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../shared/metrics/limits.js'
import type { Exposition } from '../shared/metrics/model.js'
import { TextReader } from '../shared/metrics/text/reader.js'

/**
 * Wider than what a snapshot may have: what is beyond that is left out by itself, as of a registry. These bound what a source that
 * goes mad can cost.
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
 * Reads the expositions of one source, in text 0.0.4, 1.0.0 or OpenMetrics. Accepts what Prometheus
 * accepts in a scrape.
 */
export class ExpositionSource {
  readonly #reader = new TextReader('scrape', LIMITS)

  /**
   * In slices.
   *
   * @throws Error with the line and what is wrong in it
   */
  async read(text: string): Promise<Exposition> {
    const start = text.slice(0, 1000).trimStart()
    if (start.startsWith('<')) {
      throw new Error(
        `the source gave a web page, not metrics: it begins with ${quote(start.split('\n')[0])}; check its URL, and whether it needs a login`,
      )
    }
    return runInSlices(this.#reader.readInSteps(Buffer.from(text)))
  }
}
