import { RefusedError } from './errors.js'
import { decodeLayout, inflateLayout } from './layout.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'
import type { Layout } from './types.js'
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

/**
 * One copy of each layout for all targets that share it.
 *
 * A layout that somebody uses is never given up; unused ones go, the longest unused first, when room is needed. If those in
 * use alone are over the limit, the newcomer is refused (`limit`).
 */
export class LayoutCache<T> {
  /** In the order of last use. */
  readonly #entries = new Map<string, Entry<T>>()
  #bytes = 0

  constructor(private readonly options: LayoutCacheOptions<T>) {}

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  get(id: string): T | undefined {
    return this.#entries.get(id)?.value
  }

  /** @throws RefusedError for a layout that is none, is not what its id says, or has no room */
  intern(id: string, compressed: Uint8Array): T {
    const known = this.#entries.get(id)
    if (known) return known.value
    const limits = this.options.limits ?? DEFAULT_LIMITS
    const layout = decodeLayout(inflateLayout(id, compressed, limits), limits)
    validateLayout(layout, limits)
    const value = this.options.build(layout, id, compressed)
    const bytes = this.options.sizeOf(value)
    this.#makeRoom(bytes)
    this.#entries.set(id, { value, bytes, users: 0 })
    this.#bytes += bytes
    return value
  }

  retain(id: string): void {
    const entry = this.#entries.get(id)
    if (entry) entry.users++
  }

  release(id: string): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    entry.users--
    if (entry.users > 0) return
    // The back of the queue of those that may go.
    this.#entries.delete(id)
    this.#entries.set(id, entry)
  }

  #makeRoom(bytes: number): void {
    const { maxBytes } = this.options
    if (this.#bytes + bytes <= maxBytes) return
    for (const [id, entry] of this.#entries) {
      if (entry.users > 0) continue
      this.#entries.delete(id)
      this.#bytes -= entry.bytes
      if (this.#bytes + bytes <= maxBytes) return
    }
    throw new RefusedError(
      'limit',
      `its layout of ${bytes} bytes does not fit: those in use take ${this.#bytes} of ${maxBytes}`,
    )
  }
}
