import type { Exemplar } from '../metrics/model.js'
import { BytesWriter } from './bytes-writer.js'
import { SNAPSHOT_ENVELOPE } from './envelope.js'
import type { CollectionHeader, SnapshotHeader } from './types.js'

export interface SnapshotPart {
  /** gzip of the layout whose id the header names. */
  readonly layoutCompressed: Uint8Array
  readonly values: ArrayLike<number>
  /** Unix ms, one per value. */
  readonly timestamps?: ArrayLike<number> | null
  readonly exemplars?: readonly Exemplar[] | null
}

/**
 * One record's value: the envelope and a Snapshot. Says nothing on what exposers will think of it: `validateTarget` and
 * `validateLayout` do. The target's labels are taken as they are: sort them first.
 *
 * @throws RangeError for a number that the schema cannot hold, or not one timestamp per value: the caller's mistake
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
    throw new RangeError(`${timestamps.length} timestamps for ${values.length} values`)
  }
  writeTimestamps(out, timestamps)
  writeExemplars(out, exemplars)
  return out.toBuffer()
}

/** The fields with which both schemas begin. */
export function writeCollection(out: BytesWriter, header: CollectionHeader): void {
  writeArray(out, header.target, label => {
    out.string(label.name)
    out.string(label.value)
  })
  for (const field of ['incarnation', 'sequence', 'superseded', 'collectedAt', 'intervalMs'] as const) {
    out.long(integer(header[field], field))
  }
  out.double(header.collectSeconds)
}

function integer(value: number, field: string): number {
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(`${field} is ${value}; it must be a safe integer`)
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
    if (exemplar.timestamp !== null) out.long(integer(exemplar.timestamp, "an exemplar's timestamp"))
  })
}

/** An array or a map: one block, then an empty one. */
export function writeArray<T>(out: BytesWriter, items: readonly T[], write: (item: T) => void): void {
  if (items.length > 0) out.long(items.length)
  for (const item of items) write(item)
  out.long(0)
}
