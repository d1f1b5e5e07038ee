import { Counter, type Registry } from 'prom-client'
import { CellHistogram } from '../../../shared/base/cell-histogram.js'
import { type Figure, registerFigures } from '../../telemetry/figures.js'
import { REFUSED_WRITES, type RefusedItems } from './refused.js'
import type { TargetRecords } from './target-records.js'

/** What the receiver holds now. */
export interface WriteUsage {
  readonly inProgress: () => number
  readonly recordBytes: () => number
}

/** Metrics of the receiver of remote write. */
export class WriteMetrics {
  readonly size = new CellHistogram<''>(
    'gateway_write_size_bytes',
    'Size of the bodies of remote write requests, decompressed.',
    null,
    [1e3, 1e4, 1e5, 1e6, 1e7],
  )
  readonly appended = new CellHistogram<''>(
    'gateway_write_append_duration_seconds',
    'Time in which the brokers have acknowledged the records of a remote write request, or not.',
    null,
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  )
  readonly #refused = new Counter({
    name: 'gateway_write_refused_total',
    help: 'Total number of samples, histograms and exemplars that were refused for good, by reason; of a request that cannot be decoded the request.',
    labelNames: ['reason'],
    registers: [],
  })
  /** Targets that are new to this gateway, and requests that were answered 503 because of them. */
  newTargets = 0
  postponed = 0
  #samples = 0
  #histograms = 0
  #exemplars = 0
  #metadata = 0
  #records = 0
  #bytes = 0
  #failed = 0

  constructor() {
    for (const reason of REFUSED_WRITES) this.#refused.inc({ reason }, 0)
  }

  register(registry: Registry, usage: WriteUsage): void {
    this.size.register(registry)
    this.appended.register(registry)
    registry.registerMetric(this.#refused)
    registerFigures(registry, this.#figures(usage))
  }

  refused({ items }: RefusedItems): void {
    for (const [reason, count] of items) this.#refused.inc({ reason }, count)
  }

  /** The brokers have acknowledged the records. */
  written({ samples, histograms, exemplars, metadata, values, key }: TargetRecords): void {
    this.#samples += samples
    this.#histograms += histograms
    this.#exemplars += exemplars
    this.#metadata += metadata
    this.#records += values.length
    for (const { length } of values) this.#bytes += key.length + length
  }

  /** The brokers have not acknowledged the records. */
  failed({ samples, histograms, exemplars }: TargetRecords): void {
    this.#failed += samples + histograms + exemplars
  }

  #figures({ inProgress, recordBytes }: WriteUsage): Figure[] {
    return [
      {
        name: 'gateway_write_samples_total',
        help: 'Total number of samples received by remote write that the brokers have acknowledged.',
        read: () => this.#samples,
      },
      {
        name: 'gateway_write_histograms_total',
        help: 'Total number of native histograms received by remote write that the brokers have acknowledged.',
        read: () => this.#histograms,
      },
      {
        name: 'gateway_write_exemplars_total',
        help: 'Total number of exemplars received by remote write that the brokers have acknowledged.',
        read: () => this.#exemplars,
      },
      {
        name: 'gateway_write_metadata_total',
        help: 'Total number of families whose metadata was received without their series, and that the brokers have acknowledged.',
        read: () => this.#metadata,
      },
      {
        name: 'gateway_write_failed_total',
        help: 'Total number of samples, histograms and exemplars that the brokers have not acknowledged. Senders send them again.',
        read: () => this.#failed,
      },
      {
        name: 'gateway_write_records_total',
        help: 'Total number of records of remote write requests that the brokers have acknowledged.',
        read: () => this.#records,
      },
      {
        name: 'gateway_write_record_bytes_total',
        help: 'Size of the records of remote write requests that the brokers have acknowledged.',
        read: () => this.#bytes,
      },
      {
        name: 'gateway_write_new_targets_total',
        help: 'Total number of targets in remote write requests that this gateway did not know; without --limit.new-targets they are not counted.',
        read: () => this.newTargets,
      },
      {
        name: 'gateway_write_postponed_total',
        help: 'Total number of remote write requests that were answered 503 because of --limit.new-targets.',
        read: () => this.postponed,
      },
      {
        name: 'gateway_writes_in_progress',
        help: 'Number of remote write requests in progress.',
        read: inProgress,
      },
      {
        name: 'gateway_write_pending_bytes',
        help: 'Size of the records of remote write requests that wait for the brokers.',
        read: recordBytes,
      },
    ]
  }
}
