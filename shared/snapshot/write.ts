import { BytesWriter } from './bytes-writer.js'
import { ENVELOPE } from './envelope.js'
import type { Exemplar, SnapshotHeader } from './types.js'

export interface SnapshotPart {
  /** gzip of the layout whose id the header names. */
  readonly layoutCompressed: Uint8Array
  readonly values: ArrayLike<number>
  /** Unix ms, one per value. */
  readonly timestamps?: ArrayLike<number> | null
  readonly exemplars?: readonly Exemplar[] | null
}

/** One record's value: the envelope and a Snapshot. The target's labels are taken as they are: sort them first. */
export function encodeSnapshot(header: SnapshotHeader, part: SnapshotPart): Buffer {
  const out = new BytesWriter(512 + part.layoutCompressed.length + part.values.length * 11)
  out.fixed(ENVELOPE)
  writeArray(out, header.target, label => {
    out.string(label.name)
    out.string(label.value)
  })
  out.long(header.incarnation)
  out.long(header.sequence)
  out.long(header.superseded)
  out.long(header.collectedAt)
  out.long(header.intervalMs)
  out.double(header.collectSeconds)
  out.long(header.part)
  out.long(header.parts)
  out.boolean(header.end)
  out.fixed(Buffer.from(header.layoutId, 'latin1'))
  out.bytes(part.layoutCompressed)
  out.numbers(part.values)
  writeTimestamps(out, part.timestamps)
  writeExemplars(out, part.exemplars)
  return out.toBuffer()
}

function writeTimestamps(out: BytesWriter, timestamps: ArrayLike<number> | null | undefined): void {
  out.long(timestamps ? 1 : 0)
  if (timestamps) writeArray(out, Array.from(timestamps), timestamp => out.long(timestamp))
}

function writeExemplars(out: BytesWriter, exemplars: readonly Exemplar[] | null | undefined): void {
  out.long(exemplars ? 1 : 0)
  if (!exemplars) return
  writeArray(out, exemplars, exemplar => {
    out.long(exemplar.series)
    writeArray(out, exemplar.labels, label => {
      out.string(label.name)
      out.string(label.value)
    })
    out.double(exemplar.value)
    out.long(exemplar.timestamp === null ? 0 : 1)
    if (exemplar.timestamp !== null) out.long(exemplar.timestamp)
  })
}

/** An array or a map: one block, then an empty one. */
export function writeArray<T>(out: BytesWriter, items: readonly T[], write: (item: T) => void): void {
  if (items.length > 0) out.long(items.length)
  for (const item of items) write(item)
  out.long(0)
}
