import { quote } from '../base/quote.js'
import type { Layout } from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import { RefusedError } from './errors.js'
import { decodeLayout, inflateLayout } from './layout.js'
import { validateLayout } from './validate.js'

/** What a cache keeps of a layout. */
export interface CachedLayout {
  readonly id: string
  /** What it takes now. */
  readonly bytes: number
  /** Who uses it; changed by the cache alone. */
  holders: number
}

export interface LayoutCacheOptions<T extends CachedLayout> {
  /** Bytes that all layouts together may take. */
  readonly maxBytes: number
  readonly limits?: Limits
  /** What is kept of a layout. The compressed bytes are a slice of the record: copy them to keep them. */
  build(layout: Layout, id: string, compressed: Uint8Array): T
}

/** How many refused layouts are remembered, so that a fleet that repeats one costs little. */
const MAX_REFUSED = 256

/**
 * One copy of each layout for all targets that share it.
 *
 * A layout that somebody uses is never given up; unused ones go, the longest unused first, when room is needed. If those in
 * use leave no room, the newcomer is refused (`limit`), and harms none of the others.
 */
export class LayoutCache<T extends CachedLayout> {
  readonly #layouts = new Map<string, T>()
  /** Those that nobody uses, in the order in which they were last released, or came. */
  readonly #unused = new Map<string, T>()
  /** Layouts whose bytes are what their id says and that may not be: they will be no better next time. */
  readonly #refused = new Map<string, RefusedError>()
  #bytes = 0
  #bytesInUse = 0

  constructor(private readonly options: LayoutCacheOptions<T>) {}

  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of those that somebody uses. */
  get bytesInUse(): number {
    return this.#bytesInUse
  }

  get size(): number {
    return this.#layouts.size
  }

  get(id: string): T | undefined {
    return this.#layouts.get(id)
  }

  /**
   * The layout of that id, from the record's bytes when it is new. It may be given up again at once: `acquire` it.
   *
   * @throws RefusedError for a layout that is none, is not what its id says, or has no room
   */
  intern(id: string, compressed: Uint8Array): T {
    const known = this.#layouts.get(id)
    if (known) return known
    const before = this.#refused.get(id)
    if (before) throw new RefusedError(before.reason, before.message)
    const layout = this.options.build(this.#read(id, compressed), id, compressed)
    this.#makeRoom(layout.bytes)
    this.#layouts.set(id, layout)
    this.#unused.set(id, layout)
    this.#bytes += layout.bytes
    return layout
  }

  /** For every `acquire` one `release`. */
  acquire(layout: T): void {
    if (layout.holders++ > 0) return
    this.#bytesInUse += layout.bytes
    this.#unused.delete(layout.id)
  }

  /** @throws Error when it was released as often as acquired */
  release(layout: T): void {
    if (layout.holders === 0)
      throw new Error(`layout ${quote(layout.id)} is released more often than acquired`)
    if (--layout.holders > 0) return
    this.#bytesInUse -= layout.bytes
    this.#unused.set(layout.id, layout)
  }

  /** It takes so many bytes more than when it was built, or last grew. One in use is never given up for that. */
  grow(layout: T, bytes: number): void {
    if (this.#layouts.get(layout.id) !== layout) return
    this.#bytes += bytes
    if (layout.holders > 0) this.#bytesInUse += bytes
  }

  #read(id: string, compressed: Uint8Array): Layout {
    const limits = this.options.limits ?? DEFAULT_LIMITS
    // Not remembered when this fails: anybody can put other bytes under the id of a good layout.
    const bytes = inflateLayout(id, compressed, limits)
    try {
      const layout = decodeLayout(bytes, limits)
      validateLayout(layout, limits)
      return layout
    } catch (error) {
      if (error instanceof RefusedError) this.#remember(id, error)
      throw error
    }
  }

  #remember(id: string, error: RefusedError): void {
    if (this.#refused.size >= MAX_REFUSED) this.#refused.delete(this.#refused.keys().next().value as string)
    this.#refused.set(id, error)
  }

  #makeRoom(bytes: number): void {
    const { maxBytes } = this.options
    if (this.#bytesInUse + bytes > maxBytes) {
      throw new RefusedError(
        'limit',
        `its layout of ${bytes} bytes does not fit: those in use take ${this.#bytesInUse} of ${maxBytes}; add shards, or make targets share layouts`,
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
