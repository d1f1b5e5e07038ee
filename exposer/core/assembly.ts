import type { Instant } from '../../shared/base/clock.js'
import { type PartDrop as Drop, PartCollector } from '../../shared/snapshot/part-collector.js'
import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { partSize } from './store/sizes.js'
import type { SnapshotPart } from './store/snapshot.js'
import type { Store } from './store/store.js'

/**
 * Why parts of a snapshot were dropped before it was complete. `age`: the others did not arrive in
 * time. `memory`: the memory limit was reached. `left`: the target was removed.
 */
export type PartDrop = Drop | 'age' | 'memory' | 'left'

/**
 * Time after the first part in which all parts must have arrived: they are written together, ms.
 */
const MAX_AGE_MS = 30_000
/** Estimated bytes of a collector, and of its list with an entry for each part. */
export const ASSEMBLY_BYTES = 450
const LIST_BYTES = 80
const ENTRY_BYTES = 8

/** The parts of the snapshots of all targets that are not complete. */
export class Assemblies {
  /** Dropped parts by reason. */
  readonly dropped = new Map<PartDrop, number>()
  /** Assemblies with parts, in the order of their first part. */
  readonly #begun = new Set<Assembly>()

  constructor(private readonly options: { readonly store: Store; readonly maxSeries: number }) {
    options.store.addGivingWay(() => this.#dropFirst())
  }

  create(): Assembly {
    const { store, maxSeries } = this.options
    return new Assembly({ store, maxSeries, begun: this.#begun, dropped: this.dropped })
  }

  /** Drops what is too old. */
  sweep(now: Instant): void {
    for (const assembly of this.#begun) {
      if (now.mono - assembly.begunAt <= MAX_AGE_MS) break
      assembly.discard('age')
    }
  }

  #dropFirst(): boolean {
    const [first] = this.#begun
    first?.discard('memory')
    return first !== undefined
  }
}

interface AssemblyOptions {
  readonly store: Store
  readonly maxSeries: number
  readonly begun: Set<Assembly>
  readonly dropped: Map<PartDrop, number>
}

/** The parts of the snapshot of one target that is not complete. */
export class Assembly {
  /** Monotonic ms of its first part. */
  begunAt = 0
  readonly #collector: PartCollector<SnapshotPart, PartDrop>
  #adding: SnapshotPart | null = null
  #bytes = 0

  constructor(private readonly options: AssemblyOptions) {
    this.#collector = new PartCollector<SnapshotPart, PartDrop>({
      maxSize: options.maxSeries,
      onDropped: (part, reason) => this.#drop(part, reason),
    })
  }

  /** Number of series of the held parts. */
  get size(): number {
    return this.#collector.size
  }

  /** Whether no part is held. */
  get isEmpty(): boolean {
    return !this.options.begun.has(this)
  }

  /** Run of the last accepted part; −1 before the first one. */
  get incarnation(): number {
    return this.#collector.incarnation
  }

  /** Publish interval of that run, ms. */
  get intervalMs(): number {
    return this.#collector.intervalMs
  }

  /**
   * Adds a part, whose reference passes to it.
   *
   * @returns all parts if this was the last one, with their references; else null
   * @throws RefusedError as `PartCollector.add`; the part is released then
   */
  add(reader: SnapshotReader, part: SnapshotPart, now: Instant): readonly SnapshotPart[] | null {
    const { store, begun } = this.options
    this.#adding = part
    try {
      const complete = this.#collector.add(reader, part, part.layout.series)
      if (complete) {
        for (const held of complete) if (held !== part) this.#move(held, -1)
        this.#end()
        return complete
      }
      // A duplicate is dropped already.
      if (part.holders === 0) return null
      this.#move(part, 1)
      if (!begun.has(this)) {
        begun.add(this)
        this.begunAt = now.mono
        this.#bytes = LIST_BYTES + ENTRY_BYTES * reader.parts
        store.memory.add('parts', this.#bytes)
      }
      return null
    } catch (error) {
      store.release(part)
      throw error
    } finally {
      this.#adding = null
    }
  }

  discard(reason: PartDrop): void {
    this.#collector.discard(reason)
    this.#end()
  }

  /** Discards the parts. Those of earlier runs are accepted again. */
  restart(): void {
    this.#collector.restart()
    this.#end()
  }

  #drop(part: SnapshotPart, reason: PartDrop): void {
    const { store, dropped } = this.options
    dropped.set(reason, (dropped.get(reason) ?? 0) + 1)
    if (part !== this.#adding) this.#move(part, -1)
    store.release(part)
    if (reason !== 'duplicate') this.#end()
  }

  /** Counts a part as one of an incomplete snapshot, or no longer as such. */
  #move(part: SnapshotPart, sign: 1 | -1): void {
    const { memory } = this.options.store
    const { heap, buffers } = partSize(part)
    const exemplars = part.exemplarBytes
    memory.add('values', -sign * heap, -sign * buffers)
    memory.add('exemplars', -sign * exemplars)
    memory.add('parts', sign * (heap + exemplars), sign * buffers)
  }

  #end(): void {
    const { store, begun } = this.options
    if (!begun.delete(this)) return
    store.memory.add('parts', -this.#bytes)
    this.#bytes = 0
  }
}
