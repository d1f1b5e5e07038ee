import { sortSteps } from '../../../shared/base/sort-steps.js'
import { type Job, runNow, type Steps } from '../../../shared/base/steps.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import type { LayoutSize } from '../../../shared/snapshot/layout-size.js'
import { type SnapshotBody, SnapshotReader } from '../../../shared/snapshot/read.js'
import type { ExemplarsSize } from '../../../shared/snapshot/read-exemplars.js'
import { type CompiledLayout, compileSteps } from './compiled-layout.js'
import { FamilyIndex } from './family-index.js'
import type { Held } from './held.js'
import { Memory, type MemoryLimits, NO_SIZE, type Size } from './memory.js'
import { compiledNeed, decodingNeed, type LayoutNeed, mostNeed } from './need.js'
import { ArrayPool, RawPool } from './pools.js'
import {
  ARRAY_BYTES,
  exemplarBytesOf,
  exemplarBytesSteps,
  partSize,
  snapshotBytes,
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

/** Releases something that may be lost, to make room. @returns false if there is nothing left */
type GiveWay = () => boolean

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
/** Layouts and bodies that are read at the same time: each may take the bytes of an inflated layout. */
const MAX_READS = 8

/** Memory is ample if so many times the need is left: what else is read must not be refused. */
const AMPLE = 8

/** Share of the budget that layouts without holders may take. */
const UNUSED_SHARE = 1 / 8
/** Things released for one record: each takes microseconds. */
const MAX_GIVEN = 2000

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
  readonly #giveWay: GiveWay[]
  /** Layouts that may have cached texts. */
  readonly #withVariants = new Set<CompiledLayout>()
  /** Evicted layouts that the family index still refers to. */
  readonly #evicted = new Set<CompiledLayout>()
  /** What the record being read replaces; its size is determined when the budget is exhausted. */
  #replaces: Replaced | null = null
  /** Layouts that are being read, those that are being decoded, and waits for one of them to end. */
  #reads = 0
  #decoding = 0
  readonly #turns = new Set<Turn>()
  readonly #admitExemplars = (size: ExemplarsSize) =>
    this.#admit(exemplarBytesOf(size), 0, 'its exemplars')

  constructor(private readonly options: StoreOptions) {
    const { limits, layoutBytes, reserved } = options
    this.memory = new Memory(options.memory)
    const { memory } = this
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
      onEvicted: layout => {
        this.#withVariants.delete(layout)
        if (this.families.has(layout)) this.#evicted.add(layout)
        else this.#dropped(layout)
      },
    })
    this.#giveWay = [
      () => this.families.removeOne(),
      () => this.#layouts.evict(),
      () => this.#dropSpare(),
      () => this.#dropVariant(),
    ]
  }

  /**
   * Adds something that gives way when the budget is exhausted, after what was added before.
   *
   * @param release releases one entry; returns false if there is none
   */
  addGivingWay(release: GiveWay): void {
    this.#giveWay.push(release)
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
    return this.#giveWayUntil(() => this.memory.fits(heap, buffers))
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
    // While others are decoded, it may have to wait instead.
    const size = this.#decoding === 0 ? this.#layouts.tooLarge(id) : undefined
    return size && this.#refusalOf(size, sizeOfReplaced(replacedBy(reader, newest)))
  }

  /** The size of what will be released when the record of the reader has replaced its predecessor. */
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
    return yield* this.#inTurn(this.#layoutSteps(id, compressed, replaced))
  }

  /**
   * Reads a long body. Records may be applied between the steps.
   *
   * @param bytes slice of a record, which must not change in the meantime
   * @param replaced see `replacedSize`
   */
  *readBody(layout: CompiledLayout, bytes: Buffer, replaced = NO_SIZE): Steps<Reading> {
    return yield* this.#inTurn(this.#bodySteps(layout, bytes, replaced))
  }

  *#inTurn(reading: Steps<Reading>): Steps<Reading> {
    while (this.#reads >= MAX_READS) if (yield* this.#nextTurn()) break
    this.#reads++
    try {
      return yield* reading
    } finally {
      this.#reads--
      this.#endTurns()
    }
  }

  *#layoutSteps(id: string, compressed: Uint8Array, replaced: Size): Steps<Reading> {
    const steps = this.#layouts.read(id, compressed, (bytes, measure) =>
      this.#admitLayout(bytes, measure, replaced),
    )
    let count = 1
    try {
      let step = steps.next()
      while (!step.done) {
        if (!(step.value instanceof Turn)) count++
        let result: Buffer | undefined
        try {
          result = yield step.value
        } catch (error) {
          // Most likely, the result is too large.
          count += this.options.limits.bytes / JOB_BYTES_PER_STEP
          step = steps.throw(error)
          continue
        }
        if (result) count += result.length / JOB_BYTES_PER_STEP
        step = steps.next(result)
      }
      return { layout: this.#addLayout(step.value), steps: count }
    } catch (error) {
      if (error instanceof RefusedError) return { layout: error, steps: count }
      throw error
    }
  }

  *#bodySteps(layout: CompiledLayout, bytes: Buffer, replaced: Size): Steps<Reading> {
    const { series } = layout
    const reserved = this.#reservation(replaced)
    let count = 1
    try {
      reserved.admit(valuesSize(series), 'its values')
      const reader = new SnapshotReader(this.options.limits)
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
   * Creates a part from the record that is open in the reader. The caller is its first holder.
   *
   * @param layout of the record, from `layoutOf` or `readLayout`
   * @param newest the snapshot that the record will replace, held by its target
   * @param how `offset` of the record; `decoded`: whether the values are decoded now, else a copy of
   *   the bytes is kept for `decode`; `body` from `readBody`, if it was read
   * @returns null if the body is long: then nothing has changed, and it has to be read by `readBody`
   * @throws RefusedError when the values are invalid, or when there is no memory for them or for the
   *   layout; nothing is held then
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
      // The memory of its values is reserved since it was read.
      const reserved = this.#reservation(NO_SIZE)
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
    this.#admit(heap, Math.max(buffers, 2 * body.length + 256), 'its values')
    const raw = this.#raws.copy(body)
    this.#countSpare()
    return undecodedPart(layout, offset, raw)
  }

  #count(part: SnapshotPart, sign: 1 | -1): void {
    const { heap, buffers } = partSize(part)
    this.memory.add('values', sign * heap, sign * buffers)
    if (part.exemplars) this.memory.add('exemplars', sign * part.exemplarBytes)
    if (!part.raw) return
    const decoded = valuesSize(part.layout.series)
    this.memory.promise(
      sign * Math.max(0, decoded.heap - heap),
      sign * Math.max(0, decoded.buffers - buffers),
    )
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

  /**
   * Reserves what a layout needs, before it is decoded. Waits for others that are being decoded. A
   * layout is not measured if any layout of so many bytes fits.
   *
   * @returns ends the reservation
   * @throws RefusedError when it does not fit, or cannot be decoded with the heap left
   */
  *#admitLayout(
    bytes: number,
    measure: () => Steps<LayoutSize>,
    replaced: Size,
  ): Steps<() => void> {
    const { memory } = this
    const any = mostNeed(bytes, this.options.limits)
    const { heap, buffers } = any.compiled
    if (memory.fits(AMPLE * heap, AMPLE * buffers) && memory.fitsBriefly(any.decoding))
      return this.#reserveLayout(any)
    const size = yield* measure()
    const decoding = decodingNeed(size)
    while (this.#decoding > 0 && !memory.fitsBriefly(decoding)) if (yield* this.#nextTurn()) break
    const refusal = this.#refusalOf(size, replaced)
    if (refusal) throw refusal
    return this.#reserveLayout({ compiled: compiledNeed(size), decoding })
  }

  #reserveLayout({ compiled, decoding }: LayoutNeed): () => void {
    const reserve = (sign: 1 | -1) => {
      this.memory.promise(sign * compiled.heap, sign * compiled.buffers)
      this.memory.promiseBriefly(sign * decoding)
      this.#decoding += sign
    }
    reserve(1)
    return () => {
      reserve(-1)
      this.#endTurns()
    }
  }

  #refusalOf(size: LayoutSize, replaced: Size): RefusedError | undefined {
    const { memory } = this
    const { heap, buffers } = compiledNeed(size)
    if (!memory.fits(heap, buffers) && !this.makeRoom(heap, buffers)) {
      const takesPlace =
        heap <= replaced.heap &&
        heap + buffers <= replaced.heap + replaced.buffers &&
        memory.fitsInPlace(heap, buffers)
      if (!takesPlace) return noRoom(`its layout of ${size.series} series`, heap + buffers, memory)
    }
    const most = decodingNeed(size)
    return this.#giveWayUntil(() => memory.fitsBriefly(most))
      ? undefined
      : noRoom(`decoding its layout of ${size.series} series`, most, memory)
  }

  /** Waits until a layout was read or decoded. @returns true if that cannot be waited for */
  *#nextTurn(): Steps<boolean> {
    const turn = new Turn()
    this.#turns.add(turn)
    yield turn
    this.#turns.delete(turn)
    return turn.now
  }

  #endTurns(): void {
    for (const turn of this.#turns) turn.end()
  }

  /** Memory for what is read in steps. */
  #reservation(replaced: Size) {
    const { memory } = this
    let heap = 0
    let buffers = 0
    const admit = (more: Size, what: string) => {
      if (!memory.fits(more.heap, more.buffers) && !this.makeRoom(more.heap, more.buffers)) {
        const takesPlace =
          heap + more.heap <= replaced.heap &&
          heap + more.heap + buffers + more.buffers <= replaced.heap + replaced.buffers &&
          memory.fitsInPlace(more.heap, more.buffers)
        if (!takesPlace) throw noRoom(what, more.heap + more.buffers, memory)
      }
      heap += more.heap
      buffers += more.buffers
      memory.promise(more.heap, more.buffers)
    }
    return {
      /** @throws RefusedError `limit` unless so many more bytes fit */
      admit,
      admitExemplars: (size: ExemplarsSize) =>
        admit({ heap: exemplarBytesOf(size), buffers: 0 }, 'its exemplars'),
      end: () => memory.promise(-heap, -buffers),
    }
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
  #takePlace({ heap, buffers }: Size, counted: boolean): boolean {
    const { heap: heapLeft, buffers: buffersLeft } = this.#replacedSize
    const left = { heap: heapLeft - heap, buffers: buffersLeft - buffers }
    if (left.heap < 0 || left.heap + left.buffers < 0) return false
    const fits = counted ? this.memory.fitsInPlace(0, 0) : this.memory.fitsInPlace(heap, buffers)
    if (fits && this.#replaces) this.#replaces.size = left
    return fits
  }

  /** What will be released when the record being read has replaced its predecessor. */
  get #replacedSize(): Size {
    return sizeOfReplaced(this.#replaces)
  }

  #giveWayUntil(enough: () => boolean): boolean {
    let left = MAX_GIVEN
    for (const release of this.#giveWay) while (!enough()) if (left-- <= 0 || !release()) break
    return enough()
  }
}

/** The parts that a record replaces; their size is determined when it is needed. */
interface Replaced {
  readonly newest: Snapshot
  readonly from: number
  readonly to: number
  size: Size | null
}

/** A wait for another layout that is being read; without other threads there is none. */
class Turn implements Job {
  /** Whether it was not waited for. */
  now = false
  #end = () => {}
  readonly #ended = new Promise<Buffer>(resolve => {
    this.#end = () => resolve(NOTHING)
  })

  run(): Buffer {
    this.now = true
    return NOTHING
  }

  start(): Promise<Buffer> {
    return this.#ended
  }

  end(): void {
    this.#end()
  }
}

const NOTHING = Buffer.alloc(0)

function replacedBy(
  { part, parts: count }: SnapshotReader,
  newest: Snapshot | undefined,
): Replaced | null {
  if (!newest) return null
  return {
    newest,
    from: part,
    to: part === count - 1 ? Number.POSITIVE_INFINITY : part + 1,
    size: null,
  }
}

function sizeOfReplaced(replaced: Replaced | null): Size {
  if (!replaced) return NO_SIZE
  const { newest, from, to } = replaced
  replaced.size ??= sizeOfParts(newest.parts.slice(from, to))
  return replaced.size
}

/** The size of parts with the layouts that no other part holds. */
function sizeOfParts(parts: readonly SnapshotPart[]): Size {
  let heap = 0
  let buffers = 0
  for (const part of parts) {
    const own = partSize(part)
    const layout = part.layout.holders === 1 ? part.layout : NO_SIZE
    heap += own.heap + part.exemplarBytes + layout.heap
    buffers += own.buffers + layout.buffers
  }
  return { heap, buffers }
}

function noRoom(what: string, bytes: number, memory: Memory): RefusedError {
  return new RefusedError(
    'limit',
    `no memory is left for ${what} of ${bytes} bytes: ${memory.describe()}; add shards, or raise --memory.limit`,
  )
}

/** A body as a part holds it. */
interface PartBody extends SnapshotBody {
  readonly exemplarBytes: number
}

function partOf(layout: CompiledLayout, offset: number, body: PartBody): SnapshotPart {
  const { values, timestamps, exemplars, exemplarBytes } = body
  return {
    kind: 'part',
    holders: 1,
    layout,
    values,
    raw: null,
    timestamps,
    exemplars,
    exemplarBytes,
    offset,
  }
}

function undecodedPart(layout: CompiledLayout, offset: number, raw: Buffer): SnapshotPart {
  return {
    kind: 'part',
    holders: 1,
    layout,
    values: null,
    raw,
    timestamps: null,
    exemplars: null,
    exemplarBytes: 0,
    offset,
  }
}

const timestampsSize = ({ byteLength }: Float64Array): Size => ({
  heap: ARRAY_BYTES,
  buffers: byteLength,
})

/** The body with its exemplars in the order of their series, as they are rendered. */
function* partBodySteps({ values, timestamps, exemplars }: SnapshotBody): Steps<PartBody> {
  if (!exemplars) return { values, timestamps, exemplars, exemplarBytes: 0 }
  const isInOrder = exemplars.every((one, i) => i === 0 || exemplars[i - 1].series <= one.series)
  const ordered = isInOrder ? exemplars : yield* sortSteps(exemplars, (a, b) => a.series - b.series)
  const exemplarBytes = yield* exemplarBytesSteps(ordered)
  return { values, timestamps, exemplars: ordered, exemplarBytes }
}

const withoutExemplars = ({ values, timestamps }: SnapshotBody): PartBody => ({
  values,
  timestamps,
  exemplars: null,
  exemplarBytes: 0,
})

/** Removes a reference; returns whether it was the last. */
function dropReference(held: Held): boolean {
  if (held.holders === 0)
    throw new Error(`a ${held.kind} is released more often than it was acquired`)
  return --held.holders === 0
}
