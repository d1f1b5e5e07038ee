import { formatDuration } from '../../shared/base/flags/duration.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sendGenerated } from '../../shared/http/send.js'
import type { Pool, PoolTarget } from '../scrape/pool.js'
import type { RunningTarget } from '../targets/running-target.js'
import type { Services } from './services.js'
import { awaitTurn } from './turn.js'

const TARGETS_PER_CHUNK = 50
/** Prometheus's time of what has not happened. */
const NEVER = '0001-01-01T00:00:00Z'

/**
 * `/api/v1/targets` as Prometheus has it, also for `state` and `scrapePool`. The metrics of this
 * machine are a target too.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#targets
 */
export function targets(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    const { query } = exchange
    const state = String(query.state ?? 'any').toLowerCase()
    const pool = query.scrapePool === undefined ? undefined : String(query.scrapePool)
    await awaitTurn(exchange, 'page', services)
    await sendGenerated(exchange, 'application/json', () => body(services, state, pool))
  }
}

function* body(services: Services, state: string, pool: string | undefined): Generator<Buffer> {
  const pools = [...services.scraping.pools].filter(({ job }) => !pool || job.name === pool)
  yield Buffer.from('{"status":"success","data":{"activeTargets":[')
  let separator = ''
  let chunk: string[] = []
  if (state !== 'dropped') {
    for (const entry of activeOf(services, pools, pool)) {
      chunk.push(separator + JSON.stringify(entry))
      separator = ','
      if (chunk.length < TARGETS_PER_CHUNK) continue
      yield Buffer.from(chunk.join(''))
      chunk = []
    }
  }
  chunk.push('],"droppedTargets":[')
  separator = ''
  if (state !== 'active') {
    for (const { job, dropped } of pools) {
      for (const discoveredLabels of dropped) {
        chunk.push(separator + JSON.stringify({ discoveredLabels, scrapePool: job.name }))
        separator = ','
        if (chunk.length < TARGETS_PER_CHUNK) continue
        yield Buffer.from(chunk.join(''))
        chunk = []
      }
    }
  }
  const counts = Object.fromEntries(pools.map(({ job, droppedCount }) => [job.name, droppedCount]))
  chunk.push(`],"droppedTargetCounts":${JSON.stringify(counts)}}}`)
  yield Buffer.from(chunk.join(''))
}

function* activeOf(
  { host, version }: Services,
  pools: readonly Pool[],
  pool: string | undefined,
): Generator<object> {
  const own = host()
  const job = own?.options.labels.find(({ name }) => name === 'job')?.value ?? ''
  if (own && (!pool || pool === job)) yield hostEntry(own, job, version)
  for (const pool of pools)
    for (const entry of pool.active()) yield scrapeEntry(pool.job.name, entry)
}

function hostEntry(running: RunningTarget, job: string, version: string): object {
  return {
    discoveredLabels: { __address__: `kafka-exposer ${version}` },
    labels: labelsOf(running),
    scrapePool: job,
    scrapeUrl: '',
    globalUrl: '',
    ...statusOf(running),
    scrapeInterval: formatDuration(running.options.intervalMs),
    scrapeTimeout: formatDuration(running.options.intervalMs),
  }
}

function scrapeEntry(pool: string, { target, running, collector }: PoolTarget): object {
  return {
    discoveredLabels: target.discovered,
    labels: labelsOf(running),
    scrapePool: pool,
    scrapeUrl: target.url.href,
    globalUrl: target.url.href,
    ...statusOf(running),
    scrapeInterval: formatDuration(target.intervalMs),
    scrapeTimeout: formatDuration(target.timeoutMs),
    // Not of Prometheus.
    droppedSeries: collector.figures.dropped,
    overridingSeries: collector.figures.overriding,
  }
}

const labelsOf = ({ options }: RunningTarget) =>
  Object.fromEntries(options.labels.map(({ name, value }) => [name, value]))

function statusOf({ status, counts }: RunningTarget): object {
  return {
    lastError: status.lastError,
    lastScrape: status.lastCollection ? new Date(status.lastCollection).toISOString() : NEVER,
    lastScrapeDuration: status.lastDurationSeconds,
    health: status.health,
    series: status.series,
    superseded: counts.superseded,
  }
}
