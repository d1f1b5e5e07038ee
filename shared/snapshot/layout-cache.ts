import { quote } from '../base/quote.js'
import { runNow, type Steps } from '../base/steps.js'
import type { Layout } from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import { RefusedError } from './errors.js'
import { decodeLayoutSteps, inflateLayoutSteps } from './layout.js'
import { validateLayoutSteps } from './validate.js'

/** A cached layout. */
export interface CachedLayout {
  readonly id: string
  /** Current size, bytes. */
  readonly bytes: number
  /** Number of holders; only the cache changes it. */
  holders: number
}

export interface LayoutCacheOptions<T extends CachedLayout> {
  /** Maximum bytes of all layouts together. */
  readonly maxBytes: number
  readonly limits?: Limits
  /** Builds the cached object. `compressed` is a slice of the record: copy what is retained. */
  build(layout: Layout, id: string, compressed: Uint8Array): Steps<T>
}

/** Number of refused layouts that are cached, so that refusing the same layout again is cheap. */
const MAX_REFUSED = 256

/**
 * One copy of each layout for all targets that share it.
 *
 * A layout in use is never evicted. Unused layouts are evicted in the order of their last use when
 * memory is needed. If the layouts in use leave no room, a new layout is refused (`limit`) and the
 * others are not affected.
 */
export class LayoutCache<T extends CachedLayout> {
  readonly #layouts = new Map<string, T>()
  /** Layouts without holders, in the order of their last release or their creation. */
  readonly #unused = new Map<string, T>()
  /** Invalid layouts whose bytes match their id: they will be refused again. */
  readonly #refused = new Map<string, RefusedError>()
  #bytes = 0
  #bytesInUse = 0

  constructor(private readonly options: LayoutCacheOptions<T>) {}

  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of the layouts in use. */
  get bytesInUse(): number {
    return this.#bytesInUse
  }

  get size(): number {
    return this.#layouts.size
  }

  get(id: string): T | undefined {
    return this.#layouts.get(id)
  }

  /** The refusal of the layout with that id, if it was read before and is invalid. */
  refusal(id: string): RefusedError | undefined {
    const before = this.#refused.get(id)
    return before && new RefusedError(before.reason, before.message)
  }

  /**
   * Returns the layout with that id and creates it if necessary. Without `acquire`, it may be
   * evicted at once.
   *
   * @throws RefusedError if the layout is invalid, does not match its id, or does not fit
   */
  intern(id: string, compressed: Uint8Array): T {
    const known = this.#layouts.get(id)
    if (known) return known
    const refusal = this.refusal(id)
    if (refusal) throw refusal
    return this.add(runNow(this.read(id, compressed)))
  }

  /**
   * Reads, checks and builds a layout without adding it. Other layouts may be read and added
   * between the steps.
   *
   * @throws RefusedError if the layout is invalid or does not match its id
   */
  *read(id: string, compressed: Uint8Array): Steps<T> {
    const limits = this.options.limits ?? DEFAULT_LIMITS
    // Do not cache this failure: any producer can send wrong bytes with the id of a valid layout.
    const bytes = yield* inflateLayoutSteps(id, compressed, limits)
    let layout: Layout
    try {
      layout = yield* decodeLayoutSteps(bytes, limits)
      yield* validateLayoutSteps(layout, limits)
    } catch (error) {
      if (error instanceof RefusedError) this.#remember(id, error)
      throw error
    }
    return yield* this.options.build(layout, id, compressed)
  }

  /**
   * Adds a layout that was read. Without `acquire`, it may be evicted at once.
   *
   * @returns the layout with that id: another object if it was added before
   * @throws RefusedError if it does not fit
   */
  add(layout: T): T {
    const known = this.#layouts.get(layout.id)
    if (known) return known
    this.#makeRoom(layout.bytes)
    this.#layouts.set(layout.id, layout)
    this.#unused.set(layout.id, layout)
    this.#bytes += layout.bytes
    return layout
  }

  /** Adds a holder. Each `acquire` needs one `release`. */
  acquire(layout: T): void {
    if (layout.holders++ > 0) return
    this.#bytesInUse += layout.bytes
    this.#unused.delete(layout.id)
  }

  /**
   * Removes a holder.
   *
   * @throws Error if it has no holders
   */
  release(layout: T): void {
    if (layout.holders === 0)
      throw new Error(`layout ${quote(layout.id)} is released more often than acquired`)
    if (--layout.holders > 0) return
    this.#bytesInUse -= layout.bytes
    this.#unused.set(layout.id, layout)
  }

  /** Adds to the size of a layout. A layout in use is not evicted for that. */
  grow(layout: T, bytes: number): void {
    if (this.#layouts.get(layout.id) !== layout) return
    this.#bytes += bytes
    if (layout.holders > 0) this.#bytesInUse += bytes
  }

  #remember(id: string, error: RefusedError): void {
    if (this.#refused.size >= MAX_REFUSED)
      this.#refused.delete(this.#refused.keys().next().value as string)
    this.#refused.set(id, error)
  }

  #makeRoom(bytes: number): void {
    const { maxBytes } = this.options
    if (this.#bytesInUse + bytes > maxBytes) {
      throw new RefusedError(
        'limit',
        `no memory is left for its layout of ${bytes} bytes, layouts in use take ${this.#bytesInUse} of ${maxBytes}; add shards, or let targets share layouts`,
      )
    }
    for (const [id, layout] of this.#unused) {
      if (this.#bytes + bytes <= maxBytes) return
      this.#unused.delete(id)
      this.#layouts.delete(id)
      this.#bytes -= layout.bytes
    }
  }
}
