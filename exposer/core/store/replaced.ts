import type { SnapshotReader } from '../../../shared/snapshot/read.js'
import { NO_SIZE, type Size } from './memory.js'
import { heldSize, totalOf } from './sizes.js'
import type { Snapshot, SnapshotPart } from './snapshot.js'

/** The parts that a record replaces; their size is determined when it is needed. */
export interface Replaced {
  readonly newest: Snapshot
  readonly from: number
  readonly to: number
  /** Without what has taken its place. */
  size: Size | null
  /** Bytes by which the record may exceed it. */
  growth: number
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
    growth: 0,
  }
}

export function sizeOfReplaced(replaced: Replaced | null): Size {
  if (!replaced) return NO_SIZE
  if (!replaced.size) {
    replaced.size = sizeOfParts(replaced.newest.parts.slice(replaced.from, replaced.to))
    replaced.growth = growthOf(replaced.size)
  }
  return replaced.size
}

/** Share of its size by which a record may exceed what it replaces. */
const GROWTH = 1 / 8
/** Bytes by which it may always exceed it. */
const GROWTH_BYTES = 512

/** Bytes by which a record may exceed what it replaces; 0 if it replaces nothing. */
export const growthOf = (replaced: Size): number =>
  replaced.heap === 0 ? 0 : GROWTH_BYTES + GROWTH * totalOf(replaced)

/**
 * Whether so many more bytes may take the place of what is released soon. New targets fill the
 * memory up to its limit only: what is beyond is for the next snapshots of those that are known.
 *
 * @param left what is released, without what has taken its place; negative if that was larger
 * @param growth bytes by which that may be exceeded
 * @param fits as `Memory.fitsInPlace`
 */
export function takesPlace(
  more: Size,
  left: Size,
  growth: number,
  fits: (isGrown: boolean) => boolean,
): boolean {
  const heap = left.heap - more.heap
  const lacking = Math.max(0, -heap, -(heap + left.buffers - more.buffers))
  return lacking <= growth && fits(lacking > 0)
}

/** The size of parts with the layouts that no other part holds. */
function sizeOfParts(parts: readonly SnapshotPart[]): Size {
  let heap = 0
  let buffers = 0
  for (const part of parts) {
    const own = heldSize(part)
    const layout = part.layout.holders === 1 ? part.layout : NO_SIZE
    heap += own.heap + part.exemplarBytes + layout.heap
    buffers += own.buffers + layout.buffers
  }
  return { heap, buffers }
}
