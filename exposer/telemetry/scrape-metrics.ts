import type { Registry } from 'prom-client'
import { CellHistogram } from '../../shared/base/cell-histogram.js'
import { RequestMetrics, type RequestObserver } from '../../shared/http/request-metrics.js'
import type { Scraped } from './scraped.js'

/** Scrapes of this shard by path: what every request has, and the samples and bytes of the response. */
export class ScrapeMetrics implements RequestObserver<Scraped | undefined> {
  readonly #requests
  readonly #samples
  readonly #bytes

  constructor(registry: Registry) {
    const label = { name: 'path', values: [] as string[] }
    this.#requests = new RequestMetrics(registry, {
      label: label.name,
      duration: {
        name: 'exposer_scrape_duration_seconds',
        help: 'Time from request to answer, holding included.',
      },
      inFlight: {
        name: 'exposer_scrapes_in_flight',
        help: 'Requests that are being answered or held.',
      },
      total: {
        name: 'exposer_scrapes_total',
        help: 'Requests that were answered, by status code.',
      },
    })
    this.#samples = new CellHistogram(
      'exposer_scrape_samples',
      'Samples in an answer; for service discovery, targets.',
      label,
      [1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
    ).register(registry)
    this.#bytes = new CellHistogram(
      'exposer_scrape_bytes',
      'Bytes of an answer as sent, mostly compressed.',
      label,
      [1e3, 1e4, 1e5, 1e6, 1e7, 1e8],
    ).register(registry)
  }

  /** Requests that are being answered or held now. */
  get inFlight(): number {
    return this.#requests.inFlight
  }

  begun(path: string): void {
    this.#requests.begun(path)
  }

  /** @param scraped undefined when there was nothing but a reason */
  ended(path: string, code: number, seconds: number, scraped: Scraped | undefined): void {
    this.#requests.ended(path, code, seconds)
    if (!scraped) return
    this.#samples.observe(path, scraped.samples)
    this.#bytes.observe(path, scraped.bytes)
  }
}
