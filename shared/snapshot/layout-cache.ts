import type { Layout } from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import { RefusedError } from './errors.js'
import { decodeLayout, inflateLayout } from './layout.js'
import { validateLayout } from './validate.js'

interface Entry<T> {
  readonly value: T
  readonly bytes: number
  users: number
}

export interface LayoutCacheOptions<T> {
  /** Bytes that all layouts together may take, as `sizeOf` counts them. */
  readonly maxBytes: number
  readonly limits?: Limits
  /** What is kept of a layout. The compressed bytes are a slice of the record: copy them to keep them. */
  build(layout: Layout, id: string, compressed: Uint8Array): T
  /** Bytes that it takes. */
  sizeOf(value: T): number
}

/** How many refused layouts are remembered, so that a fleet that repeats one costs little. */
const MAX_REFUSED = 256

/**
 * One copy of each layout for all targets that share it.
 *
 * A layout that somebody uses is never given up; unused ones go, the longest unused first, when room is needed. If those in
 * use leave no room, the newcomer is refused (`limit`), and harms none of the others.
 */
export class LayoutCache<T> {
  /** In the order in which they were last given back, or came. */
  readonly #entries = new Map<string, Entry<T>>()
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
    return this.#entries.size
  }

  get(id: string): T | undefined {
    return this.#entries.get(id)?.value
  }

  /**
   * The layout of that id, from the record's bytes when it is new. It may be given up again at once: `retain` it.
   *
   * @throws RefusedError for a layout that is none, is not what its id says, or has no room
   */
  intern(id: string, compressed: Uint8Array): T {
    const known = this.#entries.get(id)
    if (known) return known.value
    const before = this.#refused.get(id)
    if (before) throw new RefusedError(before.reason, before.message)
    const layout = this.#read(id, compressed)
    const value = this.options.build(layout, id, compressed)
    const bytes = this.options.sizeOf(value)
    this.#makeRoom(bytes)
    this.#entries.set(id, { value, bytes, users: 0 })
    this.#bytes += bytes
    return value
  }

  /** For every `retain` one `release`. An id that is not here is ignored. */
  retain(id: string): void {
    const entry = this.#entries.get(id)
    if (entry && entry.users++ === 0) this.#bytesInUse += entry.bytes
  }

  release(id: string): void {
    const entry = this.#entries.get(id)
    if (!entry || entry.users === 0 || --entry.users > 0) return
    this.#bytesInUse -= entry.bytes
    // The back of the queue of those that may go.
    this.#entries.delete(id)
    this.#entries.set(id, entry)
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
    for (const [id, entry] of this.#entries) {
      if (this.#bytes + bytes <= maxBytes) return
      if (entry.users > 0) continue
      this.#entries.delete(id)
      this.#bytes -= entry.bytes
    }
  }
}
