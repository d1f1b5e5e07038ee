import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { CellHistogram } from '../../shared/base/cell-histogram.js'
import type { Clock } from '../../shared/base/clock.js'
import { metricsText, registerProgramMetrics } from '../../shared/http/program-metrics.js'
import type { Stage } from '../core/options.js'
import type { Shard } from '../core/shard.js'
import { ScrapeMetrics } from './scrape-metrics.js'
import { registerShardMetrics } from './shard-metrics.js'

export interface TelemetrySource {
  readonly shard: Shard
  readonly clock: Clock
  readonly topic: string
  /** Remaining lease in ms; zero or negative without a lease. */
  readonly leaseLeft: () => number
  /** Number of partitions whose log before the replay is not read yet. */
  readonly unread: () => number
}

const STAGES: readonly Stage[] = ['produce', 'consume', 'expose']
const DELAY_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]

/** The shard's own metrics. All names have the prefix `exposer_`, except those of the process. */
export class Telemetry {
  readonly registry = new Registry()
  /** Observed by the routes. */
  readonly scrapes = new ScrapeMetrics(this.registry)
  /** Observed by the shard, for each snapshot. */
  readonly delays = new CellHistogram<Stage>(
    'exposer_propagation_delay_seconds',
    'Snapshot delay by stage: collection to append (produce), append to apply (consume), apply to first exposition (expose).',
    { name: 'stage', values: STAGES },
    DELAY_BOUNDS,
  ).register(this.registry)
  /** Observed by the shard, once for each answered `/target`. */
  readonly playoutDelays = new CellHistogram<''>(
    'exposer_playout_delay_seconds',
    'Playout delay of virtual targets.',
    null,
    [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 30],
  ).register(this.registry)
  readonly rebalances = new Counter({
    name: 'exposer_rebalances_total',
    help: 'Total number of rebalances after which this shard received an assignment.',
    registers: [this.registry],
  })
  readonly droppedLabels = new Counter({
    name: 'exposer_sd_labels_dropped_total',
    help: 'Total number of labels omitted from service discovery because Prometheus would reject the whole list.',
    registers: [this.registry],
  })
  readonly escapedLabels = new Counter({
    name: 'exposer_sd_labels_escaped_total',
    help: 'Total number of labels listed in service discovery with an escaped name because Prometheus 2 would reject the whole list.',
    registers: [this.registry],
  })
  readonly replays = new Histogram({
    name: 'exposer_replay_duration_seconds',
    help: 'Time from the assignment of a partition to the end of its replay.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  })
  readonly readBacks = new Histogram({
    name: 'exposer_read_back_duration_seconds',
    help: 'Time from the end of the replay of a partition until the log before it was read, back to --staleness.forget.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  })
  readonly handovers = new Counter({
    name: 'exposer_handovers_total',
    help: 'Total number of partitions taken over from a living shard, by whether its state was received.',
    labelNames: ['result'],
    registers: [this.registry],
  })
  readonly pastRecords = new Counter({
    name: 'exposer_read_back_records_total',
    help: 'Total number of records read from before the replay window.',
    registers: [this.registry],
  })

  constructor(version: string) {
    registerProgramMetrics(this.registry, 'exposer', version)
  }

  /** All metrics in text format 0.0.4, without samples that are NaN. */
  text(): Promise<string> {
    return metricsText(this.registry)
  }

  /** Adds the metrics that are read from the shard at each collection. */
  watch(source: TelemetrySource): void {
    registerShardMetrics(this.registry, source)
    new Gauge({
      name: 'exposer_lease_remaining_seconds',
      help: 'Time for which this shard may serve its partitions without another heartbeat; 0 without a lease.',
      registers: [this.registry],
      collect() {
        // leaseLeft is −∞ before the first assignment.
        this.set(Math.max(0, source.leaseLeft()) / 1000)
      },
    })
    new Gauge({
      name: 'exposer_read_back_partitions',
      help: 'Number of partitions whose log before the replay is not read yet. Service discovery is unavailable until it is 0 at all shards.',
      registers: [this.registry],
      collect() {
        this.set(source.unread())
      },
    })
  }
}
