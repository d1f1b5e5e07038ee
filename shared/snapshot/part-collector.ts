import { RefusedError } from './errors.js'
import type { SnapshotHeader } from './types.js'

/** What all parts of one snapshot have in common, and which of them this one is. */
export type PartHeader = Pick<
  SnapshotHeader,
  'incarnation' | 'sequence' | 'superseded' | 'collectedAt' | 'intervalMs' | 'end' | 'part' | 'parts'
>

export interface PartCollectorOptions<T> {
  /** How much the parts of one snapshot may be together, in the unit of `add`'s size, say series. */
  readonly maxSize: number
  /** Told of every payload that was taken in and is not handed out: give back here what it holds. */
  onDropped?(payload: T): void
}

const COMMON = ['superseded', 'collectedAt', 'intervalMs', 'end', 'parts'] as const

/**
 * Collects the parts of one target's snapshots until all of one have come.
 *
 * Holds one snapshot at a time: a producer writes the parts of a snapshot together, so that a part of a later one means that
 * what the held one lacks will not come. That it was missed is known by its sequence.
 */
export class PartCollector<T> {
  #header: PartHeader | null = null
  /** Refused, complete or over the limit: nothing more of this snapshot is taken in. */
  #closed: 'complete' | 'limit' | null = null
  #held: (T | undefined)[] = []
  #received = 0
  #size = 0

  constructor(private readonly options: PartCollectorOptions<T>) {}

  /** How much is held now, in the unit of `add`'s size. */
  get size(): number {
    return this.#size
  }

  /**
   * Takes the payload in, unless it throws. A part that is there already is dropped, and changes nothing.
   *
   * @returns all parts in their order when this was the last to come, else null
   * @throws RefusedError `incarnation` or `order` for a part of an earlier snapshot, or of one that is complete; `order` where it
   * contradicts the parts before it; `limit` when together they are too large
   */
  add(header: PartHeader, payload: T, size: number): readonly T[] | null {
    if (this.#follows(header)) this.#begin(header)
    else this.#checkSame(header)
    if (this.#held[header.part] !== undefined) {
      this.options.onDropped?.(payload)
      return null
    }
    if (this.#size + size > this.options.maxSize) {
      this.discard()
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

  /** Drops what is held: also for when the target goes, or a whole snapshot overtakes its parts. */
  discard(): void {
    for (const payload of this.#held) if (payload !== undefined) this.options.onDropped?.(payload)
    this.#clear()
  }

  #follows({ incarnation, sequence }: PartHeader): boolean {
    const last = this.#header
    if (!last || incarnation > last.incarnation) return true
    if (incarnation < last.incarnation) {
      throw new RefusedError(
        'incarnation',
        `a part of run ${incarnation}, but run ${last.incarnation} has begun`,
      )
    }
    if (sequence >= last.sequence) return sequence > last.sequence
    throw new RefusedError('order', `a part of sequence ${sequence} after one of ${last.sequence}`)
  }

  #begin(header: PartHeader): void {
    this.discard()
    // A copy of what is compared: the caller's header may be large, or reused.
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
        `part ${header.part} of sequence ${header.sequence} has ${field} ${header[field]}, another part ${first[field]}; give all the same`,
      )
    }
    if (this.#closed === 'limit') throw tooLarge(header, this.options.maxSize)
    if (this.#closed) {
      throw new RefusedError('order', `part ${header.part} of sequence ${header.sequence}, which is complete`)
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
    `the ${header.parts} parts of sequence ${header.sequence} are together over the limit of ${maxSize} series; expose fewer`,
  )
}
