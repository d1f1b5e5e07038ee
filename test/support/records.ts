import { partitionFor } from '../../shared/base/murmur2.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { Layout, LayoutFamily, LayoutSeries, Suffix } from '../../shared/metrics/layout.js'
import type { Exemplar, Label } from '../../shared/metrics/model.js'
import { encodeFailure } from '../../shared/snapshot/failure.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { planParts } from '../../shared/snapshot/split.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { parseExposition } from './strict-exposition.js'

export interface AppOptions {
  readonly labels?: Record<string, string>
  readonly intervalMs?: number
  readonly incarnation?: number
  /** Size at which snapshots are split, bytes. */
  readonly partBytes?: number
}

export interface SnapshotOptions {
  /** The series and values of the snapshot, as text that a direct scrape would return. */
  readonly exposition: string
  readonly collectedAt: number
  readonly appendedAt?: number
  readonly sequence?: number
  readonly superseded?: number
  readonly end?: boolean
  readonly exemplars?: readonly Exemplar[]
  /** Unix ms, one per value. */
  readonly timestamps?: readonly number[]
}

/** Creates the records that the publisher of an app would append, from exposition text. */
export class FakeApp {
  readonly labels: readonly Label[]
  readonly key: Buffer
  #sequence = 0
  #offset = 0

  constructor(private readonly options: AppOptions = {}) {
    this.labels = sortLabels(options.labels ?? { job: 'shop', instance: 'a' })
    this.key = targetKey(this.labels)
  }

  partition(count: number): number {
    return partitionFor(this.key, count)
  }

  get latin1Key(): string {
    return this.key.toString('latin1')
  }

  /** The records of one snapshot: one record, or several if it is split. */
  records(snapshot: SnapshotOptions): LogRecord[] {
    const { layout, values } = fromExposition(snapshot.exposition)
    const sequence = snapshot.sequence ?? this.#sequence
    this.#sequence = sequence + 1
    const parts = planParts(layout, this.options.partBytes)
    return parts.map(({ layout: encoded, from, to }, part) => ({
      offset: this.#offset++,
      timestamp: snapshot.appendedAt ?? snapshot.collectedAt,
      key: this.key,
      value: encodeSnapshot(
        {
          target: this.labels,
          incarnation: this.options.incarnation ?? 1000,
          sequence,
          superseded: snapshot.superseded ?? 0,
          collectedAt: snapshot.collectedAt,
          intervalMs: this.options.intervalMs ?? 15_000,
          collectSeconds: 0.001,
          part,
          parts: parts.length,
          end: snapshot.end ?? false,
          layoutId: encoded.id,
        },
        {
          layoutCompressed: encoded.compressed,
          values: values.slice(from, to),
          timestamps: snapshot.timestamps?.slice(from, to),
          exemplars: snapshot.exemplars,
        },
      ),
    }))
  }

  /** The record of a failed collection. */
  failure(
    failure: string,
    {
      collectedAt,
      ...options
    }: Omit<SnapshotOptions, 'exposition' | 'end' | 'exemplars' | 'timestamps'>,
  ): LogRecord {
    const sequence = options.sequence ?? this.#sequence
    this.#sequence = sequence + 1
    return {
      offset: this.#offset++,
      timestamp: options.appendedAt ?? collectedAt,
      key: this.key,
      value: encodeFailure(
        {
          target: this.labels,
          incarnation: this.options.incarnation ?? 1000,
          sequence,
          superseded: options.superseded ?? 0,
          collectedAt,
          intervalMs: this.options.intervalMs ?? 15_000,
          collectSeconds: 0.001,
        },
        failure,
      ),
    }
  }

  record(snapshot: SnapshotOptions): LogRecord {
    return this.records(snapshot)[0]
  }
}

/** The layout and values of an exposition. The names of counters are without `_total`. */
function fromExposition(text: string): { layout: Layout; values: number[] } {
  const values: number[] = []
  const families = parseExposition(text).map((parsed): LayoutFamily => {
    const total = parsed.type === 'counter' && parsed.name.endsWith('_total')
    const name = total ? parsed.name.slice(0, -'_total'.length) : parsed.name
    const series = parsed.samples.map((sample): LayoutSeries => {
      values.push(sample.value)
      return { suffix: sample.name.slice(name.length) as Suffix, labels: sortLabels(sample.labels) }
    })
    const type = parsed.type === 'untyped' || parsed.type === '' ? 'unknown' : parsed.type
    return { name, type: type as LayoutFamily['type'], help: parsed.help, unit: '', series }
  })
  return { layout: { families }, values }
}
