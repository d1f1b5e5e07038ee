import type { SnapshotReader } from '../../../shared/snapshot/read.js'
import { NO_SIZE, type Size } from './memory.js'
import { partSize } from './sizes.js'
import type { Snapshot, SnapshotPart } from './snapshot.js'

/** The parts that a record replaces; their size is determined when it is needed. */
export interface Replaced {
  readonly newest: Snapshot
  readonly from: number
  readonly to: number
  size: Size | null
}

/**
 * What the record that is open in the reader replaces.
 *
 * @param newest the newest snapshot of its target
 */
export function replacedBy(
  { part, parts: count }: SnapshotReader,
  newest: Snapshot | undefined,
): Replaced | null {
  if (!newest) return null
  return {
    newest,
    from: part,
    to: part === count - 1 ? Number.POSITIVE_INFINITY : part + 1,
    size: null,
  }
}

export function sizeOfReplaced(replaced: Replaced | null): Size {
  if (!replaced) return NO_SIZE
  const { newest, from, to } = replaced
  replaced.size ??= sizeOfParts(newest.parts.slice(from, to))
  return replaced.size
}

/**
 * Whether something may take the place of what it replaces: it is not larger, and fits meanwhile.
 */
export function takesPlace(
  { heap, buffers }: Size,
  replaced: Size,
  fitsInPlace: () => boolean,
): boolean {
  return (
    heap <= replaced.heap && heap + buffers <= replaced.heap + replaced.buffers && fitsInPlace()
  )
}

/** The size of parts with the layouts that no other part holds. */
function sizeOfParts(parts: readonly SnapshotPart[]): Size {
  let heap = 0
  let buffers = 0
  for (const part of parts) {
    const own = partSize(part)
    const layout = part.layout.holders === 1 ? part.layout : NO_SIZE
    heap += own.heap + part.exemplarBytes + layout.heap
    buffers += own.buffers + layout.buffers
  }
  return { heap, buffers }
}
