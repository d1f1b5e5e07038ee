import type { Steps } from '../../../shared/base/steps.js'
import type { Exemplar } from '../../../shared/metrics/model.js'
import type { Size } from './memory.js'
import type { Snapshot, SnapshotPart } from './snapshot.js'

/**
 * Estimated bytes of objects without their arrays and texts, calibrated by
 * test/exposer/core/store/memory.test.ts, which compares them with the real growth of the heap.
 */
const SNAPSHOT_BYTES = 240
const PART_BYTES = 180
/** A typed array with its array buffer. */
export const ARRAY_BYTES = 180
/** Up to so many bytes a typed array is on the heap. */
const HEAP_ARRAY_BYTES = 64
/** A family of a compiled layout, without its texts. */
export const FAMILY_BYTES = 96
const EXEMPLAR_BYTES = 140
const LABEL_BYTES = 48
const STRING_BYTES = 20

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters of one byte
const BEYOND_LATIN1 = /[^\x00-\xff]/

/** Bytes of a text on the heap: V8 needs two per character if one character is beyond latin1. */
export function textBytes(text: string): number {
  // V8 has one copy of each text of one character.
  if (text.length <= 1) return 0
  return STRING_BYTES + (BEYOND_LATIN1.test(text) ? 2 * text.length : text.length)
}

/** Bytes of a family of a compiled layout. */
export function familyHeap(name: string, help: string, unit: string): number {
  return FAMILY_BYTES + textBytes(name) + textBytes(help) + textBytes(unit)
}

/** Bytes of a snapshot without its parts. */
export function snapshotBytes({ failure }: Snapshot): number {
  return SNAPSHOT_BYTES + (failure === null ? 0 : textBytes(failure))
}

/** Bytes of a part without its layout and exemplars. */
export function partSize({ values, timestamps, raw }: SnapshotPart): Size {
  let heap = PART_BYTES
  let buffers = 0
  if (values) {
    heap += arrayHeap(values.byteLength)
    buffers += arrayBuffers(values.byteLength)
  }
  if (timestamps) {
    heap += arrayHeap(timestamps.byteLength)
    buffers += arrayBuffers(timestamps.byteLength)
  }
  if (raw) {
    heap += ARRAY_BYTES
    buffers += raw.buffer.byteLength
  }
  return { heap, buffers }
}

/** The size of a part with values only. */
export function valuesSize(series: number): Size {
  return { heap: PART_BYTES + arrayHeap(8 * series), buffers: arrayBuffers(8 * series) }
}

/** As `partSize`, with what the values of an undecoded part will need, which is reserved. */
export function heldSize(part: SnapshotPart): Size {
  const size = partSize(part)
  if (!part.raw) return size
  const decoded = valuesSize(part.layout.series)
  return {
    heap: Math.max(size.heap, decoded.heap),
    buffers: Math.max(size.buffers, decoded.buffers),
  }
}

export const totalOf = ({ heap, buffers }: Size): number => heap + buffers

const arrayHeap = (bytes: number) => ARRAY_BYTES + (bytes <= HEAP_ARRAY_BYTES ? bytes : 0)
const arrayBuffers = (bytes: number) => (bytes <= HEAP_ARRAY_BYTES ? 0 : bytes)

/** Labels per step. */
const LABELS_PER_STEP = 2000

export function* exemplarBytesSteps(exemplars: readonly Exemplar[]): Steps<number> {
  let bytes = 0
  let work = 0
  for (const { labels } of exemplars) {
    bytes += EXEMPLAR_BYTES
    for (const { name, value } of labels) bytes += LABEL_BYTES + textBytes(name) + textBytes(value)
    work += 1 + labels.length
    if (work < LABELS_PER_STEP) continue
    work = 0
    yield
  }
  return bytes
}

/** Maximum of `exemplarBytesSteps` for so many exemplars. */
export function exemplarBytesOf(size: {
  readonly exemplars: number
  readonly labels: number
  /** Encoded bytes of their labels. */
  readonly text: number
}): number {
  return (
    EXEMPLAR_BYTES * size.exemplars + (LABEL_BYTES + 2 * STRING_BYTES) * size.labels + 2 * size.text
  )
}

/** The size of a complete snapshot with its parts and exemplars, without layouts. */
export function wholeSize(snapshot: Snapshot): Size {
  let heap = snapshotBytes(snapshot)
  let buffers = 0
  for (const part of snapshot.parts) {
    const size = partSize(part)
    heap += size.heap + part.exemplarBytes
    buffers += size.buffers
  }
  return { heap, buffers }
}

/** Estimated bytes of a snapshot and of a part in a scrape of the massive view. */
const SHOWN_BYTES = 120

/** Heap that a scrape of the massive view needs for a snapshot. */
export function scrapeBytes({ parts }: Snapshot): number {
  return SHOWN_BYTES * (1 + parts.length)
}
