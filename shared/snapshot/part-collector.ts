import { RefusedError } from './errors.js'
import { isRelayed } from './relayed.js'
import type { SnapshotHeader } from './types.js'

/** Fields that all parts of a snapshot share, and the number of this part. */
export type PartHeader = Pick<
  SnapshotHeader,
  | 'incarnation'
  | 'sequence'
  | 'superseded'
  | 'collectedAt'
  | 'intervalMs'
  | 'end'
  | 'part'
  | 'parts'
>

/**
 * Why a part was dropped. `superseded`: a later snapshot began or is complete. `duplicate`: that
 * part is held already, or is from another gateway. `limit`: all parts together are too large.
 */
export type PartDrop = 'superseded' | 'duplicate' | 'limit'

export interface PartCollectorOptions<T, D = never> {
  /** Maximum size of all parts of a snapshot together, in the unit of `add`, for example series. */
  readonly maxSize: number
  /** Called for each accepted payload that is not returned: release here what it holds. */
  onDropped?(payload: T, reason: PartDrop | D): void
}

const COMMON = ['superseded', 'collectedAt', 'intervalMs', 'end', 'parts'] as const

/**
 * Collects the parts of the snapshots of one target until a snapshot is complete.
 *
 * It holds one snapshot at a time. A producer writes the parts of a snapshot together, so after a
 * part of a later snapshot the missing ones will not come. The gap in the sequence shows the loss.
 *
 * Several gateways may write a relayed run, each at its own pace, and parts of two of them may not
 * fit together. Part 0 therefore begins a snapshot anew, whatever its sequence, and other parts are
 * added only to one with the same header, in which `superseded` tells gateways apart.
 */
export class PartCollector<T, D = never> {
  #header: PartHeader | null = null
  /** The snapshot is complete or exceeds the limit: refuse its further parts. */
  #closed: 'complete' | 'limit' | null = null
  #held: (T | undefined)[] = []
  #received = 0
  #size = 0

  constructor(private readonly options: PartCollectorOptions<T, D>) {}

  /** Run of the last accepted part; −1 before the first one. */
  get incarnation(): number {
    return this.#header?.incarnation ?? -1
  }

  /** Publish interval of that run, ms. */
  get intervalMs(): number {
    return this.#header?.intervalMs ?? 0
  }

  /** Current size, in the unit of `add`. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds a part, unless it throws. A part that is held already, or that another gateway has
   * written, is dropped and changes nothing.
   *
   * @returns all parts in order if this was the last one, else null
   * @throws RefusedError `incarnation` or `order` for a part of an earlier or complete snapshot;
   * `order` if it contradicts the other parts; `limit` if all parts together are too large
   */
  add(header: PartHeader, payload: T, size: number): readonly T[] | null {
    if (isRelayed(header.incarnation)) {
      if (!this.#isNextRelayed(header)) {
        this.options.onDropped?.(payload, 'duplicate')
        return null
      }
    } else if (this.#follows(header)) this.#begin(header)
    else this.#checkSame(header)
    if (this.#held[header.part] !== undefined) {
      this.options.onDropped?.(payload, 'duplicate')
      return null
    }
    if (this.#size + size > this.options.maxSize) {
      this.discard('limit')
      this.#closed = 'limit'
      throw tooLarge(header, this.options.maxSize)
    }
    this.#held[header.part] = payload
    this.#size += size
    if (++this.#received < header.parts) return null
    const complete = this.#held as T[]
    this.#clear()
    this.#closed = 'complete'
    return complete
  }

  /**
   * Drops the parts that are held. Also called when the target leaves or a complete snapshot
   * overtakes its parts.
   */
  discard(reason: PartDrop | D = 'superseded'): void {
    for (const payload of this.#held)
      if (payload !== undefined) this.options.onDropped?.(payload, reason)
    this.#clear()
  }

  /** As `discard`. Parts of earlier runs are accepted again. */
  restart(): void {
    this.discard()
    this.#header = null
    this.#closed = null
  }

  /** Whether a part of a relayed run belongs to the snapshot that is held, or begins one. */
  #isNextRelayed(header: PartHeader): boolean {
    const last = this.#header
    const isNewRun = last?.incarnation !== header.incarnation
    if (isNewRun) this.#follows(header)
    const isSame =
      !isNewRun &&
      last?.sequence === header.sequence &&
      COMMON.every(field => header[field] === last[field])
    if (isSame && this.#closed === 'limit') throw tooLarge(header, this.options.maxSize)
    if (isSame && !this.#closed) return true
    if (header.part === 0) this.#begin(header)
    return header.part === 0
  }

  #follows({ incarnation, sequence }: PartHeader): boolean {
    const last = this.#header
    if (!last || incarnation > last.incarnation) return true
    if (incarnation < last.incarnation) {
      throw new RefusedError(
        'incarnation',
        `a part of incarnation ${incarnation} came after incarnation ${last.incarnation}; give each app a target of its own`,
      )
    }
    if (sequence >= last.sequence) return sequence > last.sequence
    throw new RefusedError(
      'order',
      `a part of sequence ${sequence} came after one of sequence ${last.sequence}; send all parts of a snapshot before the next one`,
    )
  }

  #begin(header: PartHeader): void {
    this.discard()
    // Copy the compared fields: the caller's header may be large or reused.
    const { incarnation, sequence, superseded, collectedAt, intervalMs, end, part, parts } = header
    this.#header = { incarnation, sequence, superseded, collectedAt, intervalMs, end, part, parts }
    this.#held = new Array<T | undefined>(parts).fill(undefined)
    this.#closed = null
  }

  #checkSame(header: PartHeader): void {
    const first = this.#header as PartHeader
    for (const field of COMMON) {
      if (header[field] === first[field]) continue
      throw new RefusedError(
        'order',
        `part ${header.part} of sequence ${header.sequence} has ${field} ${header[field]}, another part has ${first[field]}; write the same in all parts`,
      )
    }
    if (this.#closed === 'limit') throw tooLarge(header, this.options.maxSize)
    if (this.#closed) {
      throw new RefusedError(
        'order',
        `part ${header.part} of sequence ${header.sequence} came after all parts of that snapshot; send each part once`,
      )
    }
  }

  #clear(): void {
    this.#held = []
    this.#received = 0
    this.#size = 0
  }
}

function tooLarge(header: PartHeader, maxSize: number): RefusedError {
  return new RefusedError(
    'limit',
    `the ${header.parts} parts of sequence ${header.sequence} together are over the limit of ${maxSize} series; expose fewer`,
  )
}
