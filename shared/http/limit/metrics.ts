import { Counter, Gauge, type Registry } from 'prom-client'
import type { ResponseLimit } from './response-limit.js'

/**
 * Registers the metrics of the limits of requests and responses.
 *
 * @param prefix prefix of the metric names, such as `exposer`
 */
export function registerLimitMetrics(
  registry: Registry,
  prefix: string,
  limit: ResponseLimit,
): void {
  const registers = [registry]
  const byReason = (name: string, help: string, counts: Readonly<Record<string, number>>) =>
    new Counter({
      name,
      help,
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset()
        for (const [reason, count] of Object.entries(counts)) this.inc({ reason }, count)
      },
    })
  const byPool = (
    name: string,
    help: string,
    of: (pool: { used: number; waiting: number }) => number,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers,
      collect() {
        for (const [pool, slots] of limit.pools) this.set({ pool }, of(slots))
      },
    })
  byPool(
    `${prefix}_responses_in_progress`,
    'Number of responses with a body in progress, by pool of slots.',
    pool => pool.used,
  )
  byPool(
    `${prefix}_requests_queued`,
    'Number of requests that wait for a slot, by pool of slots.',
    pool => pool.waiting,
  )
  new Gauge({
    name: `${prefix}_requests_in_progress_bytes`,
    help: 'Size of the request lines and headers of all requests in progress.',
    registers,
    collect() {
      this.set(limit.bytes)
    },
  })
  byReason(
    `${prefix}_requests_refused_total`,
    'Total number of requests refused because too many were in progress, by reason.',
    limit.refused,
  )
  byReason(
    `${prefix}_responses_cut_total`,
    'Total number of responses ended before they were complete, by reason.',
    limit.cut,
  )
}
