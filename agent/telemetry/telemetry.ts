import { Counter, Gauge, Registry } from 'prom-client'
import { registerFigures } from '../../shared/http/figures.js'
import { metricsText, registerProgramMetrics } from '../../shared/http/program-metrics.js'
import { RequestMetrics } from '../../shared/http/request-metrics.js'
import type { RefreshCounts } from '../scrape/discovery/discovery.js'
import type { Pool } from '../scrape/pool.js'
import type { Scraping } from '../scrape/scraping.js'
import type { ScrapeMemory } from '../scrape/target/memory.js'
import type { Sink } from '../targets/sink.js'
import type { Targets } from '../targets/targets.js'
import type { Reloads } from './reloads.js'

/** What the metrics are read from at each collection. */
export interface TelemetrySource {
  readonly targets: Targets
  readonly scraping: Scraping
  readonly memory: ScrapeMemory
  readonly sink: Sink
  readonly reloads: Reloads
  readonly ready: () => boolean
}

/** The agent's own metrics. All names have the prefix `agent_`, except those of the process. */
export class Telemetry {
  readonly registry = new Registry()
  readonly requests = new RequestMetrics(this.registry, {
    label: 'handler',
    duration: {
      name: 'agent_http_request_duration_seconds',
      help: 'Time from request to response by handler.',
    },
    inFlight: {
      name: 'agent_http_requests_in_flight',
      help: 'Number of requests in progress by handler.',
    },
    total: {
      name: 'agent_http_requests_total',
      help: 'Total number of completed requests by handler and status code.',
    },
  })

  constructor(version: string) {
    registerProgramMetrics(this.registry, 'agent', version)
  }

  /** All metrics in text format 0.0.4, without samples that are NaN. */
  text(): Promise<string> {
    return metricsText(this.registry)
  }

  /** Adds the metrics that are read from the agent at each collection. */
  watch(source: TelemetrySource): void {
    this.#watchTargets(source)
    this.#watchJobs(source.scraping)
    this.#watchSink(source)
    const { reloads } = source
    registerFigures(this.registry, [
      {
        name: 'agent_ready',
        help: 'Whether the agent collects its targets.',
        read: () => Number(source.ready()),
      },
      {
        name: 'agent_config_last_reload_successful',
        help: 'Whether the last reload of the configuration file was successful.',
        read: () => (reloads.isConfigured ? Number(reloads.lastSuccessful) : undefined),
      },
      {
        name: 'agent_config_last_reload_success_timestamp_seconds',
        help: 'Timestamp of the last successful reload of the configuration file.',
        read: () => (reloads.isConfigured ? reloads.lastSuccess / 1000 : undefined),
      },
    ])
  }

  #watchTargets({ targets }: TelemetrySource): void {
    const states = (health: string) =>
      [...targets.all].filter(({ status }) => status.health === health).length
    new Gauge({
      name: 'agent_targets',
      help: 'Number of targets by the result of their last collection.',
      labelNames: ['health'],
      registers: [this.registry],
      collect() {
        for (const health of ['up', 'down', 'unknown']) this.set({ health }, states(health))
      },
    })
    const totals = () => targets.totals()
    registerFigures(this.registry, [
      {
        name: 'agent_collections_total',
        help: 'Total number of collections of targets.',
        read: () => totals().collections,
      },
      {
        name: 'agent_collections_failed_total',
        help: 'Total number of collections of targets that failed.',
        read: () => totals().failures,
      },
      {
        name: 'agent_target_ends_total',
        help: 'Total number of targets that have left discovery, and whose runs were ended.',
        read: () => totals().ends,
      },
      {
        name: 'agent_series',
        help: 'Number of series of the last snapshots of all targets.',
        read: () => sum(targets.all, ({ status }) => status.series),
      },
    ])
  }

  #watchJobs(scraping: Scraping): void {
    const perJob = (name: string, help: string, read: (pool: Pool) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ['scrape_job'],
        registers: [this.registry],
        collect() {
          this.reset()
          for (const pool of scraping.pools) this.set({ scrape_job: pool.job.name }, read(pool))
        },
      })
    perJob('agent_scrape_pool_targets', 'Number of targets of a job.', pool => pool.size)
    perJob(
      'agent_scrape_pool_dropped_targets',
      'Number of targets of a job that relabelling dropped.',
      pool => pool.droppedCount,
    )
    perJob(
      'agent_scrape_pool_invalid_targets',
      'Number of targets of a job that cannot be scraped or published.',
      pool => pool.invalid.length,
    )
    perJob(
      'agent_discovery_failed_refreshes',
      'Number of failed refreshes of the discovery of a job since its configuration was loaded.',
      pool => pool.discoveryFailures,
    )
    perJob(
      'agent_discovery_failing',
      'Number of discoveries of a job whose last refresh failed: their targets are as they were.',
      pool => pool.failingDiscoveries,
    )
    this.#watchDiscoveries(scraping)
    perJob('agent_scrape_series', 'Number of series of the last scrapes of a job.', pool =>
      sum(pool.active(), ({ collector }) => collector.figures.scraped),
    )
    perJob(
      'agent_scrape_dropped_series',
      'Number of series of the last scrapes of a job that a record cannot have.',
      pool => sum(pool.active(), ({ collector }) => collector.figures.dropped),
    )
    perJob(
      'agent_scrape_overriding_series',
      'Number of series of the last scrapes of a job with another value of a label of their target: Prometheus stores them as they are only with honor_labels.',
      pool => sum(pool.active(), ({ collector }) => collector.figures.overriding),
    )
  }

  #watchDiscoveries({ discoveries }: Scraping): void {
    const perMechanism = (name: string, help: string, field: keyof RefreshCounts) =>
      new Counter({
        name,
        help,
        labelNames: ['mechanism'],
        registers: [this.registry],
        collect() {
          this.reset()
          for (const [mechanism, counts] of Object.entries(discoveries))
            this.inc({ mechanism }, counts[field])
        },
      })
    perMechanism(
      'agent_discovery_refreshes_total',
      'Total number of refreshes of discovery, and of reads of changed files, by mechanism.',
      'refreshes',
    )
    perMechanism(
      'agent_discovery_refresh_failures_total',
      'Total number of requests, and of reads of files, that failed in discovery, by mechanism.',
      'failures',
    )
  }

  #watchSink({ targets, sink, memory }: TelemetrySource): void {
    registerFigures(this.registry, [
      {
        name: 'agent_published_total',
        help: 'Total number of snapshots and failures that were offered for delivery.',
        read: () => targets.totals().offered,
      },
      {
        name: 'agent_superseded_total',
        help: 'Total number of snapshots and failures that newer ones replaced before they were delivered, or that were given up with their target.',
        read: () => targets.totals().superseded,
      },
      {
        name: 'agent_refused_total',
        help: 'Total number of snapshots and failures that the receiver refused for good.',
        read: () => targets.totals().refused,
      },
      {
        name: 'agent_pending',
        help: 'Number of snapshots and failures that wait for delivery or are in flight.',
        read: () => targets.totals().held,
      },
      {
        name: 'agent_pending_bytes',
        help: 'Memory of the snapshots and failures that wait for delivery or are in flight.',
        read: () => sink.bytes,
      },
      {
        name: 'agent_send_failures_total',
        help: 'Total number of attempts to deliver that failed.',
        read: () => sink.failures,
      },
      {
        name: 'agent_scrapes_in_progress',
        help: 'Number of scrapes in progress.',
        read: () => memory.scrapes,
      },
      {
        name: 'agent_body_bytes',
        help: 'Memory of the pages that are being received and read.',
        read: () => memory.bodyBytes,
      },
      {
        name: 'agent_retained_bytes',
        help: 'Memory of what is kept of the last pages of all targets.',
        read: () => memory.retainedBytes,
      },
    ])
  }
}

function sum<T>(items: Iterable<T>, read: (item: T) => number): number {
  let total = 0
  for (const item of items) total += read(item)
  return total
}
