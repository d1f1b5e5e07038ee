import { quote } from '../base/quote.js'
import { runNow, type Steps } from '../base/steps.js'
import type { Layout } from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import { RefusedError } from './errors.js'
import { decodeLayoutSteps, inflateLayoutSteps } from './layout.js'
import { type LayoutSize, measureLayoutSteps } from './layout-size.js'
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
  /** Maximum bytes of layouts without holders. */
  readonly maxUnusedBytes?: number
  /** Builds the cached object. */
  build(layout: Layout, id: string): Steps<T>
  /**
   * Builds it from an encoded layout, which is not checked yet. Returns null if it is invalid or
   * has to be decoded.
   */
  buildEncoded?(bytes: Buffer, id: string): Steps<T | null>
  /** Called when a layout was removed. */
  onEvicted?(layout: T): void
}

/**
 * Called before a layout is decoded. May wait.
 *
 * @param bytes of the uncompressed layout
 * @param measure measures its content, which takes a quarter of the time of decoding it
 * @returns a function that is called when it is built or refused
 * @throws RefusedError when there is no memory for it
 */
export type AdmitLayout = (bytes: number, measure: () => Steps<LayoutSize>) => Steps<() => void>

/** Number of refused layouts that are cached, so that refusing the same layout again is cheap. */
const MAX_REFUSED = 256

/** A refusal without its stack, which would keep the refused layout alive. */
type CachedRefusal = Pick<RefusedError, 'reason' | 'message'>

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
  readonly #refused = new Map<string, CachedRefusal>()
  /** Sizes of layouts for which there was no memory. */
  readonly #tooLarge = new Map<string, LayoutSize>()
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

  /** The size of the layout with that id, if there was no memory for it when it was read last. */
  tooLarge(id: string): LayoutSize | undefined {
    return this.#tooLarge.get(id)
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
   * @throws RefusedError if the layout is invalid, does not match its id, or is not admitted
   */
  *read(id: string, compressed: Uint8Array, admit?: AdmitLayout): Steps<T> {
    const limits = this.options.limits ?? DEFAULT_LIMITS
    // Do not cache this failure: any producer can send wrong bytes with the id of a valid layout.
    const bytes = yield* inflateLayoutSteps(id, compressed, limits)
    const end = admit && (yield* this.#admitSteps(id, bytes, admit))
    try {
      const { buildEncoded } = this.options
      const built = buildEncoded ? yield* buildEncoded(bytes, id) : null
      if (built) return built
      const layout = yield* this.#remembering(id, decodeAndValidate(bytes, limits))
      return yield* this.options.build(layout, id)
    } finally {
      end?.()
    }
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
    const { maxUnusedBytes = Number.POSITIVE_INFINITY } = this.options
    while (this.#bytes - this.#bytesInUse > maxUnusedBytes && this.evict());
  }

  /**
   * Removes the layout that has been without holders longest.
   *
   * @returns false if all have holders
   */
  evict(): boolean {
    for (const [id, layout] of this.#unused) {
      this.#unused.delete(id)
      this.#layouts.delete(id)
      this.#bytes -= layout.bytes
      this.options.onEvicted?.(layout)
      return true
    }
    return false
  }

  /** Adds to the size of a layout. A layout in use is not evicted for that. */
  grow(layout: T, bytes: number): void {
    if (this.#layouts.get(layout.id) !== layout) return
    this.#bytes += bytes
    if (layout.holders > 0) this.#bytesInUse += bytes
  }

  /** The size of a layout that is not admitted is remembered, because it will return. */
  *#admitSteps(id: string, bytes: Buffer, admit: AdmitLayout): Steps<() => void> {
    let size: LayoutSize | undefined
    const measuring = () => this.#remembering(id, measureLayoutSteps(bytes))
    function* measure(): Steps<LayoutSize> {
      size = yield* measuring()
      return size
    }
    try {
      const end = yield* admit(bytes.length, measure)
      this.#tooLarge.delete(id)
      return end
    } catch (error) {
      if (size) setBounded(this.#tooLarge, id, size)
      throw error
    }
  }

  /** Remembers a refusal: the same layout will be refused again. */
  *#remembering<R>(id: string, steps: Steps<R>): Steps<R> {
    try {
      return yield* steps
    } catch (error) {
      if (error instanceof RefusedError) this.#remember(id, error)
      throw error
    }
  }

  #remember(id: string, { reason, message }: RefusedError): void {
    setBounded(this.#refused, id, { reason, message })
  }

  #makeRoom(bytes: number): void {
    const { maxBytes } = this.options
    if (this.#bytesInUse + bytes > maxBytes) {
      throw new RefusedError(
        'limit',
        `no memory is left for its layout of ${bytes} bytes, layouts in use take ${this.#bytesInUse} of ${maxBytes}; add shards, or let targets share layouts`,
      )
    }
    while (this.#bytes + bytes > maxBytes && this.evict());
  }
}

function* decodeAndValidate(bytes: Buffer, limits: Limits): Steps<Layout> {
  const layout = yield* decodeLayoutSteps(bytes, limits)
  yield* validateLayoutSteps(layout, limits)
  return layout
}

function setBounded<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= MAX_REFUSED) map.delete(map.keys().next().value as string)
  map.set(key, value)
}
