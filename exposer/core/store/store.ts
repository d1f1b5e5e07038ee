import { runNow, type Steps } from '../../../shared/base/steps.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import type { ExemplarsSize } from '../../../shared/snapshot/read-exemplars.js'
import { type CompiledLayout, compileEncodedSteps, compileSteps } from './compiled-layout.js'
import { FamilyIndex } from './family-index.js'
import type { Held } from './held.js'
import { LayoutReading, type Reading } from './layout-reading.js'
import { Memory, type MemoryLimits, NO_SIZE, type Size } from './memory.js'
import {
  type PartBody,
  partBodySteps,
  partOf,
  timestampsSize,
  undecodedPart,
  withoutExemplars,
} from './part-body.js'
import { ArrayPool, RawPool, rawBytes } from './pools.js'
import { type Replaced, replacedBy, sizeOfReplaced, takesPlace } from './replaced.js'
import { type GiveWay, noRoom, Room } from './room.js'
import {
  ARRAY_BYTES,
  exemplarBytesOf,
  heldSize,
  partSize,
  snapshotBytes,
  totalOf,
  valuesSize,
} from './sizes.js'
import type { Snapshot, SnapshotPart } from './snapshot.js'

export interface StoreOptions {
  readonly limits: Limits
  readonly memory: MemoryLimits
  /** Maximum bytes of all layouts together. */
  readonly layoutBytes: number
  /** Names of families that are omitted from the family index. */
  readonly reserved: ReadonlySet<string>
  /** Called at the last release of a snapshot. */
  onReleased(snapshot: Snapshot): void
}

/** Share of the budget that layouts without holders may take. */
const UNUSED_SHARE = 1 / 8

/**
 * Memory of a shard's targets.
 *
 * Snapshots, parts and layouts are shared by targets, the history, responses in progress and
 * subscribers. Each holder acquires what it reads and releases it afterwards. After the last
 * release the memory is reused at once. A snapshot holds its parts and a part its layout, so that a
 * holder of a snapshot needs no further references.
 *
 * What does not fit into the budget is refused before it is allocated. A record may take the place
 * of what its target already holds.
 */
export class Store {
  /** Families of the layouts in use. */
  readonly families: FamilyIndex
  readonly memory: Memory
  readonly #layouts: LayoutCache<CompiledLayout>
  readonly #arrays = new ArrayPool()
  readonly #raws = new RawPool()
  readonly #room: Room
  readonly #reading: LayoutReading
  /** Layouts that may have cached texts. */
  readonly #withVariants = new Set<CompiledLayout>()
  /** Evicted layouts that the family index still refers to. */
  readonly #evicted = new Set<CompiledLayout>()
  /** What the record being read replaces; its size is determined when the budget is exhausted. */
  #replaces: Replaced | null = null
  readonly #admitExemplars = (size: ExemplarsSize) =>
    this.#admit(exemplarBytesOf(size), 0, 'its exemplars')

  constructor(private readonly options: StoreOptions) {
    const { limits, layoutBytes, reserved } = options
    this.memory = new Memory(options.memory)
    const { memory } = this
    this.#room = new Room(memory)
    this.families = new FamilyIndex(reserved, {
      add: bytes => memory.add('layouts', bytes),
      promise: bytes => memory.promise(bytes, 0),
      onLeft: layout => {
        if (this.#evicted.delete(layout)) this.#dropped(layout)
      },
    })
    const variantMemory = {
      fits: (bytes: number) => memory.fits(bytes),
      onGrown: (layout: CompiledLayout, bytes: number) => {
        this.#layouts.grow(layout, bytes)
        memory.add(layout.holders > 0 ? 'layouts' : 'cached_layouts', bytes)
        if (bytes > 0) this.#withVariants.add(layout)
      },
    }
    this.#layouts = new LayoutCache({
      maxBytes: layoutBytes,
      maxUnusedBytes: Math.min(options.memory.heap, options.memory.total) * UNUSED_SHARE,
      limits,
      build: (layout, id) => compileSteps(layout, id, variantMemory),
      buildEncoded: (bytes, id) => compileEncodedSteps(bytes, id, limits, variantMemory),
      onEvicted: layout => {
        this.#withVariants.delete(layout)
        if (this.families.has(layout)) this.#evicted.add(layout)
        else this.#dropped(layout)
      },
    })
    this.#reading = new LayoutReading(limits, this.#layouts, memory, this.#room, layout =>
      this.#addLayout(layout),
    )
    this.#room.add(
      () => this.families.removeOne(),
      () => this.#layouts.evict(),
      () => this.#dropSpare(),
      () => this.#dropVariant(),
    )
  }

  /**
   * Adds something that gives way when the budget is exhausted, after what was added before.
   *
   * @param release releases one entry; returns false if there is none
   */
  addGivingWay(release: GiveWay): void {
    this.#room.add(release)
  }

  /** Number of distinct layouts, including those that are not in use. */
  get layoutCount(): number {
    return this.#layouts.size
  }

  /**
   * Makes room for so many more bytes, if what gives way suffices.
   *
   * @returns whether they fit
   */
  makeRoom(heap: number, buffers = 0): boolean {
    return this.#room.make(heap, buffers)
  }

  /** The layout of that id, if it is in the store. The caller acquires it to keep it. */
  layout(id: string): CompiledLayout | undefined {
    return this.#layouts.get(id)
  }

  /**
   * The layout of the record that is open in the reader, or why it is refused without being read
   * again. Undefined if it is not known: then it has to be read, by `readLayout`.
   *
   * @param newest the snapshot that the record will replace, held by its target
   */
  layoutOf(reader: SnapshotReader, newest: Snapshot | undefined): Reading['layout'] | undefined {
    const likely = newest?.parts[reader.part]?.layout
    if (likely && reader.hasLayoutId(likely.idBytes)) return likely
    const id = reader.layoutId()
    const known = this.#layouts.get(id) ?? this.#layouts.refusal(id)
    if (known) return known
    return this.#reading.refusalAgain(id, () => this.replacedSize(reader, newest))
  }

  /**
   * The size of what will be released when the record of the reader has replaced its predecessor.
   */
  replacedSize(reader: SnapshotReader, newest: Snapshot | undefined): Size {
    return sizeOfReplaced(replacedBy(reader, newest))
  }

  /**
   * Reads a layout, and adds it to those without holders. Records may be applied between the steps.
   *
   * @param compressed slice of a record, which must not change in the meantime
   * @param replaced see `replacedSize`
   */
  *readLayout(id: string, compressed: Uint8Array, replaced = NO_SIZE): Steps<Reading> {
    return yield* this.#reading.layout(id, compressed, replaced)
  }

  /**
   * Reads a long body. Records may be applied between the steps.
   *
   * @param bytes slice of a record, which must not change in the meantime
   * @param replaced see `replacedSize`
   */
  *readBody(layout: CompiledLayout, bytes: Buffer, replaced = NO_SIZE): Steps<Reading> {
    return yield* this.#reading.body(layout, bytes, replaced)
  }

  /**
   * Creates a part from the record that is open in the reader. The caller is its first holder.
   *
   * @param layout of the record, from `layoutOf` or `readLayout`
   * @param newest the snapshot that the record will replace, held by its target
   * @param how `offset` of the record; `decoded`: whether the values are decoded now, else a copy
   *   of the bytes is kept for `decode`; `body` from `readBody`, if it was read
   * @returns null if the body is long: then nothing has changed, and it has to be read by
   *   `readBody`
   * @throws RefusedError when the values are invalid, or when there is no memory for them or for
   *   the layout; nothing is held then
   */
  read(
    reader: SnapshotReader,
    layout: CompiledLayout,
    newest: Snapshot | undefined,
    how: { readonly offset: number; readonly decoded: boolean; readonly body?: PartBody },
  ): SnapshotPart | null {
    const { offset, decoded, body } = how
    this.#replaces = replacedBy(reader, newest)
    const held = this.#acquiredLayout(layout)
    let part: SnapshotPart | null = null
    try {
      part = !decoded
        ? this.#undecoded(reader, held, offset)
        : body
          ? this.#withBody(held, body, offset)
          : this.#decoded(reader, held, offset)
      if (part) this.#count(part, 1)
      return part
    } finally {
      if (!part) this.#releaseLayout(held)
    }
  }

  /** Adds a snapshot with one holder. The references to its parts pass to the snapshot. */
  add(snapshot: Snapshot): void {
    this.memory.add('values', snapshotBytes(snapshot))
  }

  /**
   * Decodes the parts that a replay left undecoded.
   *
   * @param snapshot held by the caller until the last step
   * @throws RefusedError when a part is invalid, or when there is no memory for it; that part stays
   *   undecoded
   */
  *decodeSteps({ parts }: Snapshot): Steps<void> {
    for (const part of parts) {
      const { raw } = part
      if (!raw) continue
      // The memory of its values is reserved since it was read. The rest was not known then.
      const reserved = this.#room.reserve(NO_SIZE, totalOf(heldSize(part)))
      let body: PartBody
      try {
        const steps = new SnapshotReader(this.options.limits).bodySteps(
          raw,
          part.layout.series,
          size => reserved.admitExemplars(size),
        )
        body = yield* partBodySteps(yield* steps)
        if (body.timestamps) reserved.admit(timestampsSize(body.timestamps), 'its timestamps')
      } catch (error) {
        // Another holder has decoded it in between, and the bytes were reused.
        if (part.raw !== raw) continue
        throw error
      } finally {
        reserved.end()
      }
      if (part.raw === raw) this.#setBody(part, body)
    }
  }

  #setBody(part: SnapshotPart, { values, timestamps, exemplars, exemplarBytes }: PartBody): void {
    this.#count(part, -1)
    const { raw } = part
    part.values = values
    part.timestamps = timestamps
    part.exemplars = exemplars
    part.exemplarBytes = exemplarBytes
    part.raw = null
    if (raw) this.#raws.recycle(raw)
    this.#count(part, 1)
    this.#countSpare()
  }

  /**
   * Adds a reference, which the caller releases. The object must have a holder or come from
   * `layout`.
   */
  acquire(held: Snapshot | SnapshotPart | CompiledLayout): void {
    if (held.kind === 'layout') this.#acquireLayout(held)
    else held.holders++
  }

  /**
   * Removes a reference. The caller must not read the object afterwards.
   *
   * @throws Error when there is no reference; nothing has changed then
   */
  release(held: Snapshot | SnapshotPart | CompiledLayout): void {
    if (held.kind === 'snapshot') this.#releaseSnapshot(held)
    else if (held.kind === 'part') this.#releasePart(held)
    else this.#releaseLayout(held)
  }

  #releaseSnapshot(snapshot: Snapshot): void {
    if (!dropReference(snapshot)) return
    this.memory.add('values', -snapshotBytes(snapshot))
    for (const part of snapshot.parts) this.#releasePart(part)
    this.options.onReleased(snapshot)
  }

  #releasePart(part: SnapshotPart): void {
    if (!dropReference(part)) return
    const { values, raw } = part
    this.#count(part, -1)
    part.values = null
    part.raw = null
    part.timestamps = null
    part.exemplars = null
    if (values) this.#arrays.recycle(values)
    if (raw) this.#raws.recycle(raw)
    this.#countSpare()
    this.#releaseLayout(part.layout)
  }

  /** Adds a layout that was read to those without holders. It may have been added before. */
  #addLayout(layout: CompiledLayout): CompiledLayout {
    const known = this.#layouts.get(layout.id)
    if (known) return known
    this.#layouts.add(layout)
    this.memory.add('cached_layouts', layout.heap, layout.buffers)
    return layout
  }

  /** An evicted layout is garbage. */
  #dropped({ heap, buffers }: CompiledLayout): void {
    this.memory.add('cached_layouts', -heap, -buffers)
  }

  #acquireLayout(layout: CompiledLayout): void {
    this.#layouts.acquire(layout)
    if (layout.holders > 1) return
    this.memory.move('cached_layouts', 'layouts', layout)
    this.families.note(layout)
  }

  #releaseLayout(layout: CompiledLayout): void {
    if (layout.holders === 1) this.memory.move('layouts', 'cached_layouts', layout)
    this.#layouts.release(layout)
    if (layout.holders === 0) this.families.note(layout)
  }

  /**
   * The layout of the record, with a reference.
   *
   * @throws RefusedError when it has no holders yet and does not fit
   */
  #acquiredLayout(layout: CompiledLayout): CompiledLayout {
    const held = layout.holders > 0 ? layout : this.#addLayout(layout)
    this.#acquireLayout(held)
    if (held.holders > 1 || !this.memory.exceeded) return held
    if (this.makeRoom(0) || this.#takePlace(held, true)) return held
    this.#releaseLayout(held)
    throw noRoom('its layout', held.bytes, this.memory)
  }

  /** @returns null if the body is long */
  #decoded(reader: SnapshotReader, layout: CompiledLayout, offset: number): SnapshotPart | null {
    const { heap, buffers } = valuesSize(layout.series)
    this.#admit(heap, buffers, 'its values')
    const array = this.#arrays.reuse(layout.series)
    let part: SnapshotPart | null = null
    try {
      const body = reader.shortBody(layout.series, array, this.#admitExemplars)
      if (body?.timestamps) this.#admit(ARRAY_BYTES, body.timestamps.byteLength, 'its timestamps')
      if (body)
        part = partOf(
          layout,
          offset,
          body.exemplars ? runNow(partBodySteps(body)) : withoutExemplars(body),
        )
      return part
    } finally {
      if (array && !part) this.#arrays.recycle(array)
      this.#countSpare()
    }
  }

  #withBody(layout: CompiledLayout, body: PartBody, offset: number): SnapshotPart {
    const part = partOf(layout, offset, body)
    const { heap, buffers } = partSize(part)
    this.#admit(heap + part.exemplarBytes, buffers, 'its values')
    return part
  }

  #undecoded(reader: SnapshotReader, layout: CompiledLayout, offset: number): SnapshotPart {
    const body = reader.bodyBytes()
    // Its values will be decoded.
    const { heap, buffers } = valuesSize(layout.series)
    this.#admit(heap, Math.max(buffers, rawBytes(body.length)), 'its values')
    const raw = this.#raws.copy(body)
    this.#countSpare()
    return undecodedPart(layout, offset, raw)
  }

  #count(part: SnapshotPart, sign: 1 | -1): void {
    const { heap, buffers } = partSize(part)
    this.memory.add('values', sign * heap, sign * buffers)
    if (part.exemplars) this.memory.add('exemplars', sign * part.exemplarBytes)
    if (!part.raw) return
    const held = heldSize(part)
    this.memory.promise(sign * (held.heap - heap), sign * (held.buffers - buffers))
  }

  #countSpare(): void {
    const { bytes, heap } = this.#arrays
    this.memory.set('spare', heap + this.#raws.heap, bytes + this.#raws.bytes)
  }

  #dropSpare(): boolean {
    if (this.memory.bytes('spare') === 0) return false
    this.#arrays.clear()
    this.#raws.clear()
    this.#countSpare()
    return true
  }

  #dropVariant(): boolean {
    for (const layout of this.#withVariants) {
      if (layout.dropVariant()) return true
      this.#withVariants.delete(layout)
    }
    return false
  }

  /** @throws RefusedError `limit` unless so many more bytes fit */
  #admit(heap: number, buffers: number, what: string): void {
    if (this.memory.fits(heap, buffers) || this.makeRoom(heap, buffers)) return
    if (!this.#takePlace({ heap, buffers }, false)) throw noRoom(what, heap + buffers, this.memory)
  }

  /**
   * Lets the record take the place of what it replaces.
   *
   * @param counted whether its size is counted already
   * @returns whether that is large enough
   */
  #takePlace(size: Size, counted: boolean): boolean {
    const replaces = this.#replaces
    const left = sizeOfReplaced(replaces)
    const more = counted ? NO_SIZE : size
    const takes = takesPlace(size, left, replaces?.growth ?? 0, isGrown =>
      this.memory.fitsInPlace(more, isGrown),
    )
    if (takes && replaces)
      replaces.size = { heap: left.heap - size.heap, buffers: left.buffers - size.buffers }
    return takes
  }
}

/** Removes a reference; returns whether it was the last. */
function dropReference(held: Held): boolean {
  if (held.holders === 0)
    throw new Error(`a ${held.kind} is released more often than it was acquired`)
  return --held.holders === 0
}
