import { Counter, Gauge, type Registry } from 'prom-client'
import type { Clock, Instant } from '../../shared/base/clock.js'
import { mapInSlices } from '../../shared/base/slices.js'
import { TARGET_STATES, type TargetState } from '../core/judge.js'
import type { Shard } from '../core/shard.js'

interface MetricsSource {
  readonly shard: Shard
  readonly clock: Clock
  readonly topic: string
}

/** Registers metrics that are read from the shard when the registry is collected. */
export function registerShardMetrics(registry: Registry, source: MetricsSource): void {
  registerPartitionMetrics(registry, source)
  registerTargetMetrics(registry, source)
  registerSnapshotCounters(registry, source)
}

/** Owned partitions only: partitions of other shards must not look like lag here. */
function registerPartitionMetrics(
  registry: Registry,
  { shard, clock, topic }: MetricsSource,
): void {
  const perPartition = (
    name: string,
    help: string,
    of: (p: ReturnType<Shard['partitions']>[number]) => number,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['topic', 'partition'],
      registers: [registry],
      collect() {
        this.reset()
        for (const status of shard.partitions(clock.now())) {
          if (status.highWatermark < 0) continue
          this.set({ topic, partition: status.partition }, of(status))
        }
      },
    })
  perPartition(
    'exposer_consumer_lag_records',
    'Number of records between position and high watermark.',
    p => p.lagRecords,
  )
  perPartition(
    'exposer_consumer_lag_seconds',
    'Age of the last consumed record; 0 at the high watermark.',
    p => p.lagSeconds,
  )
  perPartition(
    'exposer_high_watermark',
    'Offset after the last record that can be consumed.',
    p => p.highWatermark,
  )
  perPartition('exposer_position', 'Offset of the next record to consume.', p => p.position)
}

function registerTargetMetrics(registry: Registry, { shard, clock }: MetricsSource): void {
  const registers = [registry]
  // The metrics that need all targets share one iteration over them.
  let pending: Promise<TargetCounts> | undefined
  const counts = () => {
    pending ??= countTargets(shard, clock.now()).finally(() => {
      pending = undefined
    })
    return pending
  }
  new Gauge({
    name: 'exposer_targets',
    help: 'Number of targets by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      for (const [state, count] of (await counts()).states) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'exposer_targets_overlapping',
    help: 'Number of targets for which several runs publish at the same time.',
    registers,
    async collect() {
      this.set((await counts()).overlapping)
    },
  })
  new Gauge({
    name: 'exposer_series',
    help: 'Number of series in the newest snapshots of all targets.',
    registers,
    async collect() {
      this.set((await counts()).series)
    },
  })
  new Gauge({
    name: 'exposer_conflicting_families',
    help: 'Number of metric families omitted from /metrics in at least one format because one of their names is reserved or taken by another family.',
    registers,
    collect() {
      this.set(shard.store.families.conflicts)
    },
  })
  new Gauge({
    name: 'exposer_scrapers',
    help: 'Number of scrapers for which samples of the view all are held.',
    registers,
    collect() {
      this.set(shard.history.scrapers.length)
    },
  })
  new Gauge({
    name: 'exposer_history_bytes',
    help: 'Memory of the samples held for scrapers of the view all.',
    registers,
    collect() {
      this.set(shard.history.bytes)
    },
  })
  new Gauge({
    name: 'exposer_memory_bytes',
    help: 'Memory held for targets, by use; counted, without garbage and free memory.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, bytes] of Object.entries(shard.store.memory.byKind()))
        this.set({ kind }, bytes)
    },
  })
  new Gauge({
    name: 'exposer_bytes',
    help: 'Memory held for targets: the sum of exposer_memory_bytes.',
    registers,
    collect() {
      const { heap, buffers } = shard.store.memory.used
      this.set(heap + buffers)
    },
  })
  new Gauge({
    name: 'exposer_memory_limit_bytes',
    help: 'Value of exposer_bytes at which records that need more memory are refused.',
    registers,
    collect() {
      this.set(shard.store.memory.limit)
    },
  })
  new Gauge({
    name: 'exposer_layouts',
    help: 'Number of distinct layouts in memory.',
    registers,
    collect() {
      this.set(shard.store.layoutCount)
    },
  })
}

interface TargetCounts {
  readonly states: ReadonlyMap<TargetState, number>
  readonly series: number
  readonly overlapping: number
}

async function countTargets(shard: Shard, now: Instant): Promise<TargetCounts> {
  const states = new Map<TargetState, number>(TARGET_STATES.map(state => [state, 0]))
  let series = 0
  let overlapping = 0
  await mapInSlices(shard.targets(), target => {
    const { state } = shard.judge(target, now)
    states.set(state, (states.get(state) ?? 0) + 1)
    series += target.newest?.series ?? 0
    if (shard.runs(target) > 1) overlapping++
  })
  return { states, series, overlapping }
}

/**
 * The shard counts in plain numbers, because an increment of a Counter per record costs too much.
 */
function registerSnapshotCounters(registry: Registry, { shard }: MetricsSource): void {
  const { counters, ledger } = shard
  const absolute = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  absolute(
    'exposer_snapshots_total',
    'Total number of snapshots applied.',
    () => counters.snapshots,
  )
  absolute(
    'exposer_samples_total',
    'Total number of samples in applied snapshots.',
    () => counters.samples,
  )
  absolute(
    'exposer_snapshots_missed_total',
    'Total number of snapshots that did not arrive, by gaps in their sequence numbers.',
    () => ledger.missed,
  )
  absolute(
    'exposer_snapshots_superseded_total',
    'Total number of snapshots superseded by their publisher before they were sent.',
    () => ledger.superseded,
  )
  absolute(
    'exposer_snapshots_late_total',
    'Total number of snapshots that arrived after their playout delay had elapsed.',
    () => counters.late,
  )
  absolute(
    'exposer_snapshots_written_total',
    'Total number of snapshots written to at least one scraper.',
    () => ledger.written,
  )
  new Counter({
    name: 'exposer_snapshots_dropped_total',
    help: 'Total number of snapshots dropped before they were written to a scraper, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of ledger.dropped) this.inc({ reason }, count)
    },
  })
  new Counter({
    name: 'exposer_samples_dropped_total',
    help: 'Total number of samples dropped before a scraper of the view all received them, by reason; counted per scraper.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of shard.history.dropped) this.inc({ reason }, count)
    },
  })
  new Counter({
    name: 'exposer_snapshot_parts_dropped_total',
    help: 'Total number of parts dropped before their snapshot was complete, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of shard.assemblies.dropped) this.inc({ reason }, count)
    },
  })
  absolute(
    'exposer_scrapers_replaced_total',
    'Total number of scrapers of the view all that left their place to a new one.',
    () => shard.history.replacedScrapers,
  )
  absolute(
    'exposer_scrapers_refused_total',
    'Total number of scrapes of the view all refused because all scrapers were active.',
    () => shard.history.refusedScrapers,
  )
  absolute(
    'exposer_scraper_positions_unknown_total',
    'Total number of partitions taken over without the position of a scraper of the view all; counted per scraper.',
    () => shard.history.unknownPositions,
  )
  absolute(
    'exposer_clock_skewed_snapshots_total',
    'Total number of snapshots whose collection and append timestamps differ by more than 10 s.',
    () => counters.skewed,
  )
  absolute(
    'exposer_records_repeated_total',
    'Total number of records of relayed runs that repeat what is known.',
    () => counters.repeated,
  )
  new Counter({
    name: 'exposer_records_rejected_total',
    help: 'Total number of records refused, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of counters.refused) this.inc({ reason }, count)
    },
  })
}
