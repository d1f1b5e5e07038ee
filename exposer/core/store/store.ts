import type { Layout } from '../../../shared/metrics/layout.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import type { Exemplar } from '../../../shared/metrics/model.js'
import { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { CompiledLayout } from './compiled-layout.js'
import { FamilyIndex } from './family-index.js'
import type { Held } from './held.js'
import { Memory } from './memory.js'
import { ArrayPool, RawPool } from './pools.js'
import { Snapshot, type SnapshotFields, SnapshotPart } from './snapshot.js'

export interface StoreOptions {
  readonly limits: Limits
  /** Bytes that all layouts may take together. */
  readonly layoutBytes: number
  /** Names that no application's family may have in the family index. */
  readonly reserved: ReadonlySet<string>
  /** Nobody holds the snapshot any more. */
  onReleased(snapshot: Snapshot): void
}

/** Bytes that a store holds, by what for. Their sum is what all targets take. */
export interface StoreBytes {
  readonly targets: number
  /** Layouts that a snapshot has, and those that none has but the next one may. */
  readonly layouts: number
  readonly cachedLayouts: number
  readonly values: number
  readonly exemplars: number
  readonly history: number
  /** Arrays and buffers for the snapshots to come. */
  readonly spare: number
}

/**
 * Everything that a shard holds of its targets.
 *
 * Snapshots, their parts and their layouts are shared: by targets, by the history, by responses that are being written, by
 * whoever subscribes. Each of them acquires what it reads and releases it when it is done; what the last one releases is used
 * again at once. A snapshot holds its parts, and a part its layout, so that who holds a snapshot need acquire nothing else.
 */
export class Store {
  /** Families of the layouts that somebody holds. */
  readonly families: FamilyIndex
  readonly memory = new Memory()
  readonly #layouts: LayoutCache<CompiledLayout>
  readonly #arrays = new ArrayPool()
  readonly #raws = new RawPool()
  readonly #reader: SnapshotReader

  constructor(private readonly options: StoreOptions) {
    const { limits, layoutBytes, reserved } = options
    this.families = new FamilyIndex(reserved)
    this.#reader = new SnapshotReader(limits)
    const onGrown = (layout: CompiledLayout, bytes: number) => this.#layouts.grow(layout, bytes)
    this.#layouts = new LayoutCache({
      maxBytes: layoutBytes,
      limits,
      build: (layout: Layout, id, compressed) => new CompiledLayout(layout, id, compressed, onGrown),
    })
  }

  /** Different layouts, those that nobody holds included. */
  get layoutCount(): number {
    return this.#layouts.size
  }

  bytes(): StoreBytes {
    const { targets, values, exemplars, history } = this.memory
    const layouts = this.#layouts.bytesInUse
    const cachedLayouts = this.#layouts.bytes - layouts
    const spare = this.#arrays.bytes + this.#raws.bytes
    return { targets, layouts, cachedLayouts, values, exemplars, history, spare }
  }

  /** The layout of that id as long as it is known; acquire it to keep it. */
  layout(id: string): CompiledLayout | undefined {
    return this.#layouts.get(id)
  }

  /**
   * The part that the reader has open, held by the caller.
   *
   * @param offset of its record
   * @param decoded whether its values are wanted now; else a copy of the bytes is kept for `decode`
   * @throws RefusedError when the layout or the values break a rule; nothing is held then
   */
  read(reader: SnapshotReader, offset: number, decoded: boolean): SnapshotPart {
    const id = reader.layoutId()
    const layout = this.#layouts.get(id) ?? this.#layouts.intern(id, reader.layout())
    const part = decoded
      ? this.#decoded(reader, layout, offset)
      : new SnapshotPart(layout, null, this.#raws.copy(reader.bodyBytes()), offset)
    this.#acquireLayout(layout)
    part.holders = 1
    this.memory.values += valueBytes(part)
    this.memory.exemplars += exemplarBytes(part.exemplars)
    return part
  }

  /** A snapshot, held by the caller, whose parts were the caller's and are now its own. */
  assemble(fields: SnapshotFields): Snapshot {
    const snapshot = new Snapshot(fields)
    snapshot.holders = 1
    return snapshot
  }

  /**
   * Decodes what a replay left as bytes.
   *
   * @throws RefusedError when they break a rule; what the snapshot has stays as it is
   */
  decode({ parts }: Snapshot): void {
    for (const part of parts) {
      const { raw } = part
      if (!raw) continue
      const before = valueBytes(part)
      const { values, timestamps, exemplars } = this.#reader.bodyOf(raw, part.layout.series)
      part.values = values
      part.timestamps = timestamps
      part.exemplars = exemplars
      part.raw = null
      this.#raws.give(raw)
      this.memory.values += valueBytes(part) - before
      this.memory.exemplars += exemplarBytes(exemplars)
    }
  }

  /** The caller holds it too, until it releases it. It must be held already, or just have been looked up. */
  acquire(held: Held): void {
    if (held instanceof CompiledLayout) this.#acquireLayout(held)
    else held.holders++
  }

  /**
   * The caller does not read it any more.
   *
   * @throws Error when it is released more often than it was acquired; nothing has changed then
   */
  release(held: Held): void {
    if (held instanceof Snapshot) this.#releaseSnapshot(held)
    else if (held instanceof SnapshotPart) this.#releasePart(held)
    else if (held instanceof CompiledLayout) this.#releaseLayout(held)
  }

  #releaseSnapshot(snapshot: Snapshot): void {
    if (!isLast(snapshot)) return
    for (const part of snapshot.parts) this.#releasePart(part)
    this.options.onReleased(snapshot)
  }

  #releasePart(part: SnapshotPart): void {
    if (!isLast(part)) return
    const { values, raw } = part
    this.memory.values -= valueBytes(part)
    this.memory.exemplars -= exemplarBytes(part.exemplars)
    part.values = null
    part.raw = null
    part.timestamps = null
    part.exemplars = null
    if (values) this.#arrays.give(values)
    if (raw) this.#raws.give(raw)
    this.#releaseLayout(part.layout)
  }

  #acquireLayout(layout: CompiledLayout): void {
    this.#layouts.acquire(layout)
    if (layout.holders === 1) this.families.enter(layout)
  }

  #releaseLayout(layout: CompiledLayout): void {
    this.#layouts.release(layout)
    if (layout.holders === 0) this.families.leave(layout)
  }

  #decoded(reader: SnapshotReader, layout: CompiledLayout, offset: number): SnapshotPart {
    const array = this.#arrays.take(layout.series)
    try {
      const { values, timestamps, exemplars } = reader.body(layout.series, array)
      const part = new SnapshotPart(layout, values, null, offset)
      part.timestamps = timestamps
      part.exemplars = exemplars
      return part
    } catch (error) {
      if (array) this.#arrays.give(array)
      throw error
    }
  }
}

/** Gives back a holder's reference. */
function isLast(held: Held): boolean {
  if (held.holders === 0) throw new Error('a snapshot is released more often than it was acquired')
  return --held.holders === 0
}

function valueBytes({ values, timestamps, raw }: SnapshotPart): number {
  return (values?.byteLength ?? 0) + (timestamps?.byteLength ?? 0) + (raw?.buffer.byteLength ?? 0)
}

/** An exemplar's own objects, and those of a label, about. */
const EXEMPLAR_BYTES = 120
const LABEL_BYTES = 96

function exemplarBytes(exemplars: readonly Exemplar[] | null): number {
  if (!exemplars) return 0
  let bytes = 0
  for (const { labels } of exemplars) {
    bytes += EXEMPLAR_BYTES
    for (const { name, value } of labels) bytes += LABEL_BYTES + name.length + value.length
  }
  return bytes
}
