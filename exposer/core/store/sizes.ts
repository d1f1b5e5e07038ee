import type { Exemplar } from '../../../shared/metrics/model.js'
import type { Snapshot, SnapshotPart } from './snapshot.js'

/** Estimated bytes of objects without their arrays and texts, measured with Node.js 20. */
const SNAPSHOT_BYTES = 220
const PART_BYTES = 280
const EXEMPLAR_BYTES = 120
const LABEL_BYTES = 96

/** Bytes of a snapshot without its parts. A text takes up to two bytes per character. */
export function snapshotBytes({ failure }: Snapshot): number {
  return SNAPSHOT_BYTES + (failure === null ? 0 : 2 * failure.length)
}

/** Bytes of a part without its layout and exemplars. */
export function partBytes({ values, timestamps, raw }: SnapshotPart): number {
  const arrays = (values?.byteLength ?? 0) + (timestamps?.byteLength ?? 0)
  return PART_BYTES + arrays + (raw?.buffer.byteLength ?? 0)
}

export function exemplarBytes(exemplars: readonly Exemplar[] | null): number {
  if (!exemplars) return 0
  let bytes = 0
  for (const { labels } of exemplars) {
    bytes += EXEMPLAR_BYTES
    for (const { name, value } of labels) bytes += LABEL_BYTES + name.length + value.length
  }
  return bytes
}
