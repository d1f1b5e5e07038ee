import type { Registry } from 'prom-client'
import { CellHistogram } from '../../shared/base/cell-histogram.js'
import { RequestMetrics, type RequestObserver } from '../../shared/http/request-metrics.js'
import type { ScrapeResult } from './scrape-result.js'

/** Metrics of the requests to this shard by path: duration, status codes, samples and bytes. */
export class ScrapeMetrics implements RequestObserver<ScrapeResult | undefined> {
  readonly #requests
  readonly #samples
  readonly #bytes

  constructor(registry: Registry) {
    const label = { name: 'path', values: [] as string[] }
    this.#requests = new RequestMetrics(registry, {
      label: label.name,
      duration: {
        name: 'exposer_scrape_duration_seconds',
        help: 'Time from request to response, including the time for which the request was held.',
      },
      inFlight: {
        name: 'exposer_scrapes_in_flight',
        help: 'Number of requests in progress, including held ones.',
      },
      total: {
        name: 'exposer_scrapes_total',
        help: 'Total number of completed requests by status code.',
      },
    })
    this.#samples = new CellHistogram(
      'exposer_scrape_samples',
      'Number of samples per response; for service discovery, number of targets.',
      label,
      [1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
    ).register(registry)
    this.#bytes = new CellHistogram(
      'exposer_scrape_bytes',
      'Size of response bodies as sent, after compression.',
      label,
      [1e3, 1e4, 1e5, 1e6, 1e7, 1e8],
    ).register(registry)
  }

  /** Requests in progress, including held ones. */
  get inFlight(): number {
    return this.#requests.inFlight
  }

  begun(path: string): void {
    this.#requests.begun(path)
  }

  /** @param scraped undefined for a response that contains only an error */
  ended(path: string, code: number, seconds: number, scraped: ScrapeResult | undefined): void {
    this.#requests.ended(path, code, seconds)
    if (!scraped) return
    this.#samples.observe(path, scraped.samples)
    this.#bytes.observe(path, scraped.bytes)
  }
}
