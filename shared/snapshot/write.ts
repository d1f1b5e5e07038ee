import type { Exemplar } from '../metrics/model.js'
import { BytesWriter } from './bytes-writer.js'
import { SNAPSHOT_ENVELOPE } from './envelope.js'
import type { CollectionHeader, SnapshotHeader } from './types.js'

export interface SnapshotPart {
  /** The layout with the id in the header, compressed. */
  readonly layoutCompressed: Uint8Array
  readonly values: ArrayLike<number>
  /** Unix ms, one per value. */
  readonly timestamps?: ArrayLike<number> | null
  readonly exemplars?: readonly Exemplar[] | null
}

/**
 * The value of a snapshot record: the envelope and a Snapshot. It does not validate: see
 * `validateTarget` and `validateLayout`. The labels of the target must be sorted.
 *
 * @throws RangeError for a number that the schema cannot hold, or if the number of timestamps is
 * not that of the values, which is a bug in the caller
 */
export function encodeSnapshot(header: SnapshotHeader, part: SnapshotPart): Buffer {
  const { layoutCompressed, values, timestamps, exemplars } = part
  const out = new BytesWriter(512 + layoutCompressed.length + values.length * 9)
  out.fixed(SNAPSHOT_ENVELOPE)
  writeCollection(out, header)
  out.long(integer(header.part, 'part'))
  out.long(integer(header.parts, 'parts'))
  out.boolean(header.end)
  out.fixed(Buffer.from(header.layoutId, 'latin1'))
  out.bytes(layoutCompressed)
  out.numbers(values)
  if (timestamps && timestamps.length !== values.length) {
    throw new RangeError(
      `there are ${timestamps.length} timestamps for ${values.length} values; pass one per value`,
    )
  }
  writeTimestamps(out, timestamps)
  writeExemplars(out, exemplars)
  return out.toBuffer()
}

/** The fields that both schemas start with. */
export function writeCollection(out: BytesWriter, header: CollectionHeader): void {
  writeArray(out, header.target, label => {
    out.string(label.name)
    out.string(label.value)
  })
  for (const field of [
    'incarnation',
    'sequence',
    'superseded',
    'collectedAt',
    'intervalMs',
  ] as const) {
    out.long(integer(header[field], field))
  }
  out.double(header.collectSeconds)
}

function integer(value: number, field: string): number {
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(`${field} is ${value}; pass a safe integer`)
}

function writeTimestamps(out: BytesWriter, timestamps: ArrayLike<number> | null | undefined): void {
  out.long(timestamps ? 1 : 0)
  if (!timestamps) return
  if (timestamps.length > 0) out.long(timestamps.length)
  for (let i = 0; i < timestamps.length; i++) out.long(integer(timestamps[i], 'a timestamp'))
  out.long(0)
}

function writeExemplars(out: BytesWriter, exemplars: readonly Exemplar[] | null | undefined): void {
  out.long(exemplars ? 1 : 0)
  if (!exemplars) return
  writeArray(out, exemplars, exemplar => {
    out.long(integer(exemplar.series, "an exemplar's series"))
    writeArray(out, exemplar.labels, label => {
      out.string(label.name)
      out.string(label.value)
    })
    out.double(exemplar.value)
    out.long(exemplar.timestamp === null ? 0 : 1)
    if (exemplar.timestamp !== null)
      out.long(integer(exemplar.timestamp, "an exemplar's timestamp"))
  })
}

/** An array or a map: one block and the end. */
export function writeArray<T>(
  out: BytesWriter,
  items: readonly T[],
  write: (item: T) => void,
): void {
  if (items.length > 0) out.long(items.length)
  for (const item of items) write(item)
  out.long(0)
}
