import { Counter, Gauge, type Registry } from 'prom-client'
import type { Clock, Instant } from '../../shared/base/clock.js'
import { mapInSlices } from '../../shared/base/slices.js'
import { TARGET_STATES, type TargetState } from '../core/judge.js'
import type { Shard } from '../core/shard.js'

interface Source {
  readonly shard: Shard
  readonly clock: Clock
  readonly topic: string
}

/** What the shard knows, read when somebody asks. */
export function registerShardMetrics(registry: Registry, source: Source): void {
  registerLag(registry, source)
  registerTargets(registry, source)
  registerLoss(registry, source)
}

/** By partition, and only those that are owned: what is another shard's must not look like lag here. */
function registerLag(registry: Registry, { shard, clock, topic }: Source): void {
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
    'Records between position and high watermark.',
    p => p.lagRecords,
  )
  perPartition(
    'exposer_consumer_lag_seconds',
    'How far what was read last lies back; 0 when nothing is left to read.',
    p => p.lagSeconds,
  )
  perPartition(
    'exposer_high_watermark',
    'Offset after the last record that can be read.',
    p => p.highWatermark,
  )
  perPartition('exposer_position', 'Offset of the next record to read.', p => p.position)
}

function registerTargets(registry: Registry, { shard, clock }: Source): void {
  const registers = [registry]
  // One walk over all targets for both of them.
  let walk: Promise<Census> | undefined
  const census = () => {
    walk ??= takeCensus(shard, clock.now()).finally(() => {
      walk = undefined
    })
    return walk
  }
  new Gauge({
    name: 'exposer_targets',
    help: 'Targets of this shard by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      for (const [state, count] of (await census()).states) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'exposer_series',
    help: 'Series in the newest snapshots of all targets.',
    registers,
    async collect() {
      this.set((await census()).series)
    },
  })
  new Gauge({
    name: 'exposer_conflicting_families',
    help: 'Families left out of the massive view, because another layout has the name with another type, or the view itself has it.',
    registers,
    collect() {
      this.set(shard.store.families.conflicts)
    },
  })
  new Gauge({
    name: 'exposer_scrapers',
    help: 'Scrapers of the view all that snapshots are kept for.',
    registers,
    collect() {
      this.set(shard.history.scrapers.length)
    },
  })
  new Gauge({
    name: 'exposer_history_bytes',
    help: 'Memory for what waits for them.',
    registers,
    collect() {
      this.set(shard.history.bytes)
    },
  })
  new Gauge({
    name: 'exposer_bytes',
    help: 'Memory that targets, their snapshots and their layouts take.',
    registers,
    collect() {
      this.set(Object.values(shard.store.bytes()).reduce((sum, bytes) => sum + bytes, 0))
    },
  })
  new Gauge({
    name: 'exposer_layouts',
    help: 'Different layouts that are held.',
    registers,
    collect() {
      this.set(shard.store.layoutCount)
    },
  })
}

interface Census {
  readonly states: ReadonlyMap<TargetState, number>
  readonly series: number
}

async function takeCensus(shard: Shard, now: Instant): Promise<Census> {
  const states = new Map<TargetState, number>(TARGET_STATES.map(state => [state, 0]))
  let series = 0
  await mapInSlices([...shard.targets()], target => {
    const { state } = shard.judge(target, now)
    states.set(state, (states.get(state) ?? 0) + 1)
    series += target.newest?.series ?? 0
  })
  return { states, series }
}

/** Counted by the shard as plain numbers: what happens for every record must cost nothing. */
function registerLoss(registry: Registry, { shard }: Source): void {
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
  absolute('exposer_snapshots_total', 'Snapshots that were read and applied.', () => counters.snapshots)
  absolute('exposer_samples_total', 'Samples in them.', () => counters.samples)
  absolute(
    'exposer_snapshots_missed_total',
    'Snapshots that were published and never came, by gaps in their sequences.',
    () => ledger.missed,
  )
  absolute(
    'exposer_snapshots_superseded_total',
    'Snapshots that their publishers replaced by newer ones before they could be sent.',
    () => ledger.superseded,
  )
  absolute(
    'exposer_snapshots_late_total',
    'Snapshots that came later than their playout delay allows: they may have been skipped or repeated.',
    () => counters.late,
  )
  absolute(
    'exposer_snapshots_written_total',
    'Snapshots that reached a scraper, each counted once.',
    () => ledger.written,
  )
  new Counter({
    name: 'exposer_snapshots_dropped_total',
    help: 'Snapshots that were published and never reached a scraper, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of ledger.dropped) this.inc({ reason }, count)
    },
  })
  new Counter({
    name: 'exposer_samples_dropped_total',
    help: 'Samples that a scraper of the view all was not shown, by reason; for each such scraper.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of shard.history.dropped) this.inc({ reason }, count)
    },
  })
  absolute(
    'exposer_clock_skewed_snapshots_total',
    'Snapshots collected more than 10 s away from their append: the clock of an application or a broker is wrong.',
    () => counters.skewed,
  )
  new Counter({
    name: 'exposer_records_rejected_total',
    help: 'Records that were refused, by reason; kafka-exposer tail shows them.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of counters.refused) this.inc({ reason }, count)
    },
  })
}
