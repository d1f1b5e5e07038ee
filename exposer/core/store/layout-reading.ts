import type { Steps } from '../../../shared/base/steps.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import type { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import type { LayoutSize } from '../../../shared/snapshot/layout-size.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import type { CompiledLayout } from './compiled-layout.js'
import type { Memory, Size } from './memory.js'
import { compiledNeed, decodingNeed, type LayoutNeed, mostNeed } from './need.js'
import { type PartBody, partBodySteps } from './part-body.js'
import { growthOf, takesPlace } from './replaced.js'
import { noRoom, type Room } from './room.js'
import { valuesSize } from './sizes.js'
import { Wait, Waits } from './waits.js'

/** Result of reading a layout, or a long body. */
export interface Reading {
  /** Compiled, or why it is refused. */
  readonly layout: CompiledLayout | RefusedError
  /** If it was read. */
  readonly body?: PartBody | RefusedError
  /** Steps that this took. */
  readonly steps: number
}

/** Result of a job on another thread that counts as a step, bytes. */
const JOB_BYTES_PER_STEP = 128 * 1024
/**
 * Layouts and bodies that are read at the same time: each may take the bytes of an inflated layout.
 */
const MAX_READS = 8
/** Memory is ample if so many times the need is left: what else is read must not be refused. */
const AMPLE = 8

/**
 * Reads layouts and long bodies in steps. What does not fit into the budget is refused before it is
 * decoded; those that do not fit beside each other wait for each other.
 */
export class LayoutReading {
  /** Layouts and bodies that are being read, and layouts that are being decoded. */
  #reads = 0
  #decoding = 0
  readonly #waits = new Waits()

  /**
   * @param keep adds a layout to those without holders; throws a RefusedError if it does not fit
   */
  constructor(
    private readonly limits: Limits,
    private readonly layouts: LayoutCache<CompiledLayout>,
    private readonly memory: Memory,
    private readonly room: Room,
    private readonly keep: (layout: CompiledLayout) => CompiledLayout,
  ) {}

  /** @param replaced size of what will be released when the record is applied */
  *layout(id: string, compressed: Uint8Array, replaced: Size): Steps<Reading> {
    return yield* this.#bounded(this.#layoutSteps(id, compressed, replaced))
  }

  /** @param replaced size of what will be released when the record is applied */
  *body(layout: CompiledLayout, bytes: Buffer, replaced: Size): Steps<Reading> {
    return yield* this.#bounded(this.#bodySteps(layout, bytes, replaced))
  }

  /**
   * Why a layout that was refused for its size is refused again without being read. Undefined if it
   * has to be read.
   */
  refusalAgain(id: string, replaced: () => Size): RefusedError | undefined {
    // While others are decoded, it may have to wait instead.
    const size = this.#decoding === 0 ? this.layouts.tooLarge(id) : undefined
    return size && this.#refusalOf(size, replaced())
  }

  *#bounded(reading: Steps<Reading>): Steps<Reading> {
    while (this.#reads >= MAX_READS) if (!(yield* this.#waits.next())) break
    this.#reads++
    try {
      return yield* reading
    } finally {
      this.#reads--
      this.#waits.end()
    }
  }

  *#layoutSteps(id: string, compressed: Uint8Array, replaced: Size): Steps<Reading> {
    const steps = this.layouts.read(id, compressed, (bytes, measure) =>
      this.#admit(bytes, measure, replaced),
    )
    let count = 1
    try {
      let step = steps.next()
      while (!step.done) {
        if (!(step.value instanceof Wait)) count++
        let result: Buffer | undefined
        try {
          result = yield step.value
        } catch (error) {
          // Most likely, the result is too large.
          count += this.limits.bytes / JOB_BYTES_PER_STEP
          step = steps.throw(error)
          continue
        }
        if (result) count += result.length / JOB_BYTES_PER_STEP
        step = steps.next(result)
      }
      return { layout: this.keep(step.value), steps: count }
    } catch (error) {
      if (error instanceof RefusedError) return { layout: error, steps: count }
      throw error
    }
  }

  *#bodySteps(layout: CompiledLayout, bytes: Buffer, replaced: Size): Steps<Reading> {
    const { series } = layout
    const reserved = this.room.reserve(replaced)
    let count = 1
    try {
      reserved.admit(valuesSize(series), 'its values')
      const reader = new SnapshotReader(this.limits)
      const steps = reader.bodySteps(bytes, series, size => reserved.admitExemplars(size))
      let step = steps.next()
      for (; !step.done; count++) {
        yield
        step = steps.next()
      }
      return { layout, body: yield* partBodySteps(step.value), steps: count }
    } catch (error) {
      if (error instanceof RefusedError) return { layout, body: error, steps: count }
      throw error
    } finally {
      reserved.end()
    }
  }

  /**
   * Reserves what a layout needs, before it is decoded. Waits for others that are being decoded. A
   * layout is not measured if any layout of so many bytes fits.
   *
   * @returns ends the reservation
   * @throws RefusedError when it does not fit, or cannot be decoded with the heap left
   */
  *#admit(bytes: number, measure: () => Steps<LayoutSize>, replaced: Size): Steps<() => void> {
    const { memory } = this
    const any = mostNeed(bytes, this.limits)
    const { heap, buffers } = any.compiled
    if (memory.fits(AMPLE * heap, AMPLE * buffers) && memory.fitsBriefly(any.decoding))
      return this.#reserve(any)
    const size = yield* measure()
    const decoding = decodingNeed(size)
    while (this.#decoding > 0 && !memory.fitsBriefly(decoding))
      if (!(yield* this.#waits.next())) break
    const refusal = this.#refusalOf(size, replaced)
    if (refusal) throw refusal
    return this.#reserve({ compiled: compiledNeed(size), decoding })
  }

  #reserve({ compiled, decoding }: LayoutNeed): () => void {
    const reserve = (sign: 1 | -1) => {
      this.memory.promise(sign * compiled.heap, sign * compiled.buffers)
      this.memory.promiseBriefly(sign * decoding)
      this.#decoding += sign
    }
    reserve(1)
    return () => {
      reserve(-1)
      this.#waits.end()
    }
  }

  #refusalOf(size: LayoutSize, replaced: Size): RefusedError | undefined {
    const { memory, room } = this
    const need = compiledNeed(size)
    const { heap, buffers } = need
    if (!memory.fits(heap, buffers) && !room.make(heap, buffers)) {
      if (
        !takesPlace(need, replaced, growthOf(replaced), isGrown =>
          memory.fitsInPlace(need, isGrown),
        )
      )
        return noRoom(`its layout of ${size.series} series`, heap + buffers, memory)
    }
    const most = decodingNeed(size)
    return room.makeUntil(() => memory.fitsBriefly(most))
      ? undefined
      : noRoom(`decoding its layout of ${size.series} series`, most, memory)
  }
}
