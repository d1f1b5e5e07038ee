import { Counter, type Registry } from 'prom-client'
import { type Figure, registerFigures } from '../telemetry/figures.js'
import type { Mirrors } from './mirrors.js'
import { MIRROR_REFUSALS } from './state/figures.js'
import { ASSEMBLIES } from './state/made.js'

/** Registers the metrics of mirrors. */
export function registerMirrorMetrics(registry: Registry, mirrors: Mirrors): void {
  registerFigures(registry, figuresOf(mirrors))
  const { snapshots, refused } = mirrors.figures
  byLabel(registry, {
    name: 'gateway_mirror_snapshots_total',
    help: 'Total number of snapshots of mirrors by what made them complete: count, settled, timeout or interval.',
    label: 'assembly',
    values: ASSEMBLIES,
    read: assembly => snapshots[assembly],
  })
  byLabel(registry, {
    name: 'gateway_mirror_samples_refused_total',
    help: 'Total number of samples that mirrors have refused, by reason; unreadable records count as one.',
    label: 'reason',
    values: MIRROR_REFUSALS,
    read: reason => refused[reason],
  })
}

function byLabel<T extends string>(
  registry: Registry,
  options: {
    readonly name: string
    readonly help: string
    readonly label: string
    readonly values: readonly T[]
    readonly read: (value: T) => number
  },
): void {
  const { name, help, label, values, read } = options
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset()
      for (const value of values) this.inc({ [label]: value }, read(value))
    },
  })
}

function figuresOf(mirrors: Mirrors): Figure[] {
  const { figures, publishing } = mirrors
  return [
    {
      name: 'gateway_mirror_partitions',
      help: 'Number of partitions of the topic of writes that this gateway mirrors.',
      read: () => mirrors.partitions,
    },
    {
      name: 'gateway_mirror_targets',
      help: 'Number of targets that this gateway mirrors.',
      read: () => figures.targets,
    },
    {
      name: 'gateway_mirror_series',
      help: 'Number of series of mirrored targets, those of the scraper included.',
      read: () => figures.series,
    },
    {
      name: 'gateway_mirror_memory_bytes',
      help: 'Estimate of the memory of mirrors.',
      read: () => mirrors.bytes,
    },
    {
      name: 'gateway_mirror_lag_records',
      help: 'Number of records of the topic of writes that are not mirrored yet.',
      read: () => mirrors.lagRecords,
    },
    {
      name: 'gateway_mirror_lag_seconds',
      help: 'Time for which the end of some mirrored partition has not been read.',
      read: () => mirrors.lagSeconds,
    },
    {
      name: 'gateway_mirror_pending_bytes',
      help: 'Size of the snapshots of mirrors that wait for the brokers.',
      read: () => mirrors.pendingBytes,
    },
    {
      name: 'gateway_mirror_dropped_series',
      help: 'Number of mirrored series that cannot be part of a snapshot.',
      read: () => publishing.droppedSeries,
    },
    {
      name: 'gateway_mirror_records_total',
      help: 'Total number of records that mirrors have read, those of the lookback included.',
      read: () => figures.records,
    },
    {
      name: 'gateway_mirror_samples_total',
      help: 'Total number of samples that mirrors have read, those of the lookback included.',
      read: () => figures.samples,
    },
    {
      name: 'gateway_mirror_failures_total',
      help: 'Total number of failed scrapes.',
      read: () => figures.failures,
    },
    {
      name: 'gateway_mirror_ends_total',
      help: 'Total number of ends of mirrored targets.',
      read: () => figures.ends,
    },
    {
      name: 'gateway_mirror_late_samples_total',
      help: 'Total number of samples that came after the snapshot of their scrape: the next one has them.',
      read: () => figures.late,
    },
    {
      name: 'gateway_mirror_repeated_samples_total',
      help: 'Total number of samples with the time of the newest one of their series.',
      read: () => figures.repeated,
    },
    {
      name: 'gateway_mirror_out_of_order_samples_total',
      help: 'Total number of samples that are older than the newest one of their series. Mirrors ignore them.',
      read: () => figures.back,
    },
    {
      name: 'gateway_mirror_overtaken_samples_total',
      help: 'Total number of samples that were not kept for the snapshot of their scrape, because too many waited for theirs.',
      read: () => figures.overtaken,
    },
    {
      name: 'gateway_mirror_native_histograms_total',
      help: 'Total number of native histograms that were not mirrored.',
      read: () => figures.nativeHistograms,
    },
    {
      name: 'gateway_mirror_publish_refused_total',
      help: 'Total number of snapshots, failures and ends of mirrors that could not be published.',
      read: () => publishing.refused,
    },
    {
      name: 'gateway_mirror_gaps_total',
      help: 'Total number of times that records were deleted before they were mirrored.',
      read: () => publishing.gaps,
    },
    {
      name: 'gateway_mirror_lost_records_total',
      help: 'Total number of records that were deleted before they were mirrored.',
      read: () => publishing.lostRecords,
    },
  ]
}
