import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { CellHistogram } from '../../shared/base/cell-histogram.js'
import type { Clock } from '../../shared/base/clock.js'
import type { Stage } from '../core/options.js'
import type { Shard } from '../core/shard.js'
import { ScrapeMetrics } from './scrape-metrics.js'
import { registerShardMetrics } from './shard-metrics.js'

export interface TelemetrySource {
  readonly shard: Shard
  readonly clock: Clock
  readonly topic: string
  /** Milliseconds; not above 0 without one. */
  readonly leaseLeft: () => number
}

const STAGES: readonly Stage[] = ['produce', 'consume', 'expose']
const DELAY_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/**
 * What the exposer says of itself, grouped by who counts it. All names begin with `exposer_`, but for those of the process.
 */
export class Telemetry {
  readonly registry = new Registry()
  /** Counted by the routes. */
  readonly scrapes = new ScrapeMetrics(this.registry)
  /** Counted by the shard, for every snapshot. */
  readonly delays = new CellHistogram<Stage>(
    'exposer_propagation_delay_seconds',
    'Ways of snapshots: collected to appended (produce), to applied here (consume), to first exposed (expose).',
    { name: 'stage', values: STAGES },
    DELAY_BOUNDS,
  ).register(this.registry)
  /** Counted by the shard, once for each answered `/target`. */
  readonly playoutDelays = new CellHistogram<''>(
    'exposer_playout_delay_seconds',
    'Playout delay of virtual targets.',
    null,
    [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 30],
  ).register(this.registry)
  /** Counted by what comes from Kafka. */
  readonly rebalances = new Counter({
    name: 'exposer_rebalances_total',
    help: 'Assignments of partitions that this shard was given.',
    registers: [this.registry],
  })
  readonly droppedLabels = new Counter({
    name: 'exposer_sd_labels_dropped_total',
    help: 'Labels left out of service discovery, because one that Prometheus refuses would void the whole list.',
    registers: [this.registry],
  })
  readonly replays = new Histogram({
    name: 'exposer_replay_duration_seconds',
    help: 'From the assignment of a partition until it is served.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  })

  constructor(version: string) {
    new Gauge({
      name: 'exposer_build_info',
      help: 'Version of kafka-exposer, and of Node.js that runs it.',
      labelNames: ['version', 'nodeversion'],
      registers: [this.registry],
    }).set({ version, nodeversion: process.versions.node }, 1)
    // A coarse timer: measuring the delay of the event loop must not wake an idle shard a hundred times a second.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 25 })
  }

  /** All of it as text 0.0.4, without what has no value yet. */
  async text(): Promise<string> {
    const text = await this.registry.metrics()
    // prom-client spells it so, and a mean of nothing is no news.
    return text.replace(/^.* Nan\n/gm, '')
  }

  /** From now on the registry reads these whenever it is asked. */
  watch(source: TelemetrySource): void {
    registerShardMetrics(this.registry, source)
    new Gauge({
      name: 'exposer_lease_remaining_seconds',
      help: 'How long this shard may serve its partitions without hearing from the group again; 0 when it may not.',
      registers: [this.registry],
      collect() {
        // −∞ before the first assignment, for which the exposition has no use.
        this.set(Math.max(0, source.leaseLeft()) / 1000)
      },
    })
  }
}
