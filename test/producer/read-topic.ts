import { tailTopic } from '../../shared/kafka/tail.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { Layout } from '../../shared/metrics/layout.js'
import { decodeLayout, inflateLayout } from '../../shared/snapshot/layout.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import type { SnapshotHeader } from '../../shared/snapshot/types.js'
import { validateLayout, validateTarget } from '../../shared/snapshot/validate.js'
import { seriesOf } from './sampled.js'

/** A record as an exposer decodes it. The layout of a failure is empty. */
export interface Published {
  readonly partition: number
  readonly key: Buffer
  readonly header: SnapshotHeader
  readonly failure: string | null
  readonly layout: Layout
  /** Values by series: `name{label="value"}`. */
  readonly values: ReadonlyMap<string, number>
  readonly bytes: number
}

export interface TopicReader {
  /** In the order of arrival. */
  readonly records: Published[]
  stop(): Promise<void>
}

/**
 * Reads a topic from its beginning until `stop`. Throws for a record that an exposer would refuse.
 */
export async function readTopic(brokers: string[], topic: string): Promise<TopicReader> {
  const records: Published[] = []
  const onRecord = (partition: number, record: LogRecord) => {
    records.push(read(partition, record))
  }
  const { stop } = await tailTopic({ brokers }, topic, { from: 'earliest' }, onRecord)
  return { records, stop }
}

function read(partition: number, { key, value }: LogRecord): Published {
  const reader = new SnapshotReader()
  reader.open(value!)
  const header = reader.header()
  validateTarget(header.target)
  const record = {
    partition,
    key: Buffer.from(key!),
    header,
    failure: reader.failure,
    bytes: value!.length,
  }
  if (record.failure !== null) return { ...record, layout: { families: [] }, values: new Map() }
  const layout = decodeLayout(inflateLayout(header.layoutId, reader.layout()))
  validateLayout(layout)
  const series = seriesOf([layout])
  const { values } = reader.body(series.length)
  return { ...record, layout, values: new Map(series.map((text, i) => [text, values[i]])) }
}
