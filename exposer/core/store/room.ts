import { RefusedError } from '../../../shared/snapshot/errors.js'
import type { ExemplarsSize } from '../../../shared/snapshot/read-exemplars.js'
import type { Memory, Size } from './memory.js'
import { growthOf, takesPlace } from './replaced.js'
import { exemplarBytesOf } from './sizes.js'

/** Releases something that may be lost, to make room. @returns false if there is nothing left */
export type GiveWay = () => boolean

/** Memory for what is read in steps, in the place of something that is released afterwards. */
export interface Reservation {
  /** @throws RefusedError `limit` unless so many more bytes fit */
  admit(more: Size, what: string): void
  /** @throws RefusedError `limit` unless they fit */
  admitExemplars(size: ExemplarsSize): void
  end(): void
}

/** Things released for one record: each takes microseconds. */
const MAX_GIVEN = 2000

/** Makes room in the budget by releasing what may be lost, in a fixed order. */
export class Room {
  readonly #giveWay: GiveWay[] = []

  constructor(private readonly memory: Memory) {}

  /** Adds something that gives way after what was added before. */
  add(...giveWay: readonly GiveWay[]): void {
    this.#giveWay.push(...giveWay)
  }

  /**
   * Makes room for so many more bytes, if what gives way suffices.
   *
   * @returns whether they fit
   */
  make(heap: number, buffers = 0): boolean {
    return this.makeUntil(() => this.memory.fits(heap, buffers))
  }

  /** @returns whether there is enough */
  makeUntil(enough: () => boolean): boolean {
    let left = MAX_GIVEN
    for (const release of this.#giveWay) while (!enough()) if (left-- <= 0 || !release()) break
    return enough()
  }

  /**
   * @param replaced size of what will be released when that has been read
   * @param growth bytes by which that may be exceeded
   */
  reserve(replaced: Size, growth = growthOf(replaced)): Reservation {
    const { memory } = this
    let heap = 0
    let buffers = 0
    const admit = (more: Size, what: string) => {
      if (!memory.fits(more.heap, more.buffers) && !this.make(more.heap, more.buffers)) {
        const left = { heap: replaced.heap - heap, buffers: replaced.buffers - buffers }
        if (!takesPlace(more, left, growth, isGrown => memory.fitsInPlace(more, isGrown)))
          throw noRoom(what, more.heap + more.buffers, memory)
      }
      heap += more.heap
      buffers += more.buffers
      memory.promise(more.heap, more.buffers)
    }
    return {
      admit,
      admitExemplars: size => admit({ heap: exemplarBytesOf(size), buffers: 0 }, 'its exemplars'),
      end: () => memory.promise(-heap, -buffers),
    }
  }
}

export function noRoom(what: string, bytes: number, memory: Memory): RefusedError {
  return new RefusedError(
    'limit',
    `no memory is left for ${what} of ${bytes} bytes: ${memory.describe()}; add shards, or raise --memory.limit`,
  )
}
