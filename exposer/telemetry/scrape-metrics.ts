import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Scraped } from '../routes/answer.js'

/** What those who scrape this shard get of it. */
export class ScrapeMetrics {
  readonly #duration
  readonly #samples
  readonly #bytes
  readonly #inFlight
  readonly #total

  constructor(registry: Registry) {
    const registers = [registry]
    this.#duration = new Histogram({
      name: 'exposer_scrape_duration_seconds',
      help: 'Time from request to answer, holding included.',
      labelNames: ['path'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    })
    this.#samples = new Histogram({
      name: 'exposer_scrape_samples',
      help: 'Samples in an answer; for service discovery, targets.',
      labelNames: ['path'],
      buckets: [1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
      registers,
    })
    this.#bytes = new Histogram({
      name: 'exposer_scrape_bytes',
      help: 'Bytes of an answer as sent, mostly compressed.',
      labelNames: ['path'],
      buckets: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8],
      registers,
    })
    this.#inFlight = new Gauge({
      name: 'exposer_scrapes_in_flight',
      help: 'Requests that are being answered or held.',
      labelNames: ['path'],
      registers,
    })
    this.#total = new Counter({
      name: 'exposer_scrapes_total',
      help: 'Requests that were answered, by status code.',
      labelNames: ['path', 'code'],
      registers,
    })
  }

  /** Requests that are being answered or held now. */
  inFlight = 0

  begun(path: string): void {
    this.inFlight++
    this.#inFlight.inc({ path })
  }

  /** @param scraped undefined when there was nothing but a reason */
  ended(path: string, code: number, seconds: number, scraped: Scraped | undefined): void {
    this.inFlight--
    this.#inFlight.dec({ path })
    this.#total.inc({ path, code })
    this.#duration.observe({ path }, seconds)
    if (!scraped) return
    this.#samples.observe({ path }, scraped.samples)
    this.#bytes.observe({ path }, scraped.bytes)
  }
}
