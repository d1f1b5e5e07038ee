import { Counter, Gauge, type Registry } from 'prom-client'
import { CellHistogram } from './cell-histogram.js'
import type { Scraped } from './scraped.js'

interface Path {
  inFlight: number
  readonly answered: Map<number, number>
}

/**
 * What those who scrape this shard get of it. Counted in plain numbers, hundreds of times a second, and made metrics of when the
 * registry asks.
 */
export class ScrapeMetrics {
  readonly #duration
  readonly #samples
  readonly #bytes
  readonly #paths = new Map<string, Path>()

  constructor(registry: Registry) {
    const registers = [registry]
    const paths = this.#paths
    const label = { name: 'path', values: [] as string[] }
    this.#duration = new CellHistogram(
      'exposer_scrape_duration_seconds',
      'Time from request to answer, holding included.',
      label,
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ).register(registry)
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
    new Gauge({
      name: 'exposer_scrapes_in_flight',
      help: 'Requests that are being answered or held.',
      labelNames: ['path'],
      registers,
      collect() {
        for (const [path, { inFlight }] of paths) this.set({ path }, inFlight)
      },
    })
    new Counter({
      name: 'exposer_scrapes_total',
      help: 'Requests that were answered, by status code.',
      labelNames: ['path', 'code'],
      registers,
      collect() {
        this.reset()
        for (const [path, { answered }] of paths) {
          for (const [code, count] of answered) this.inc({ path, code }, count)
        }
      },
    })
  }

  /** Requests that are being answered or held now. */
  inFlight = 0

  begun(path: string): void {
    this.inFlight++
    const counted = this.#paths.get(path)
    if (counted) counted.inFlight++
    else this.#paths.set(path, { inFlight: 1, answered: new Map() })
  }

  /** @param scraped undefined when there was nothing but a reason */
  ended(path: string, code: number, seconds: number, scraped: Scraped | undefined): void {
    this.inFlight--
    const counted = this.#paths.get(path)!
    counted.inFlight--
    counted.answered.set(code, (counted.answered.get(code) ?? 0) + 1)
    this.#duration.observe(path, seconds)
    if (!scraped) return
    this.#samples.observe(path, scraped.samples)
    this.#bytes.observe(path, scraped.bytes)
  }
}
