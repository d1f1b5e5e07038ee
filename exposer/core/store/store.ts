import type { Steps } from '../../../shared/base/steps.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import { type SnapshotBody, SnapshotReader } from '../../../shared/snapshot/read.js'
import { type CompiledLayout, compileSteps } from './compiled-layout.js'
import { FamilyIndex } from './family-index.js'
import type { Held } from './held.js'
import { Memory } from './memory.js'
import { ArrayPool, RawPool } from './pools.js'
import { exemplarBytes, partBytes, snapshotBytes } from './sizes.js'
import type { Snapshot, SnapshotPart } from './snapshot.js'

export interface StoreOptions {
  readonly limits: Limits
  /** Maximum bytes of all layouts together. */
  readonly layoutBytes: number
  /** Names of families that are omitted from the family index. */
  readonly reserved: ReadonlySet<string>
  /** Called at the last release of a snapshot. */
  onReleased(snapshot: Snapshot): void
}

/** Bytes in a store by use. */
export interface StoreBytes {
  readonly targets: number
  /** Layouts of snapshots. */
  readonly layouts: number
  /** Layouts without a snapshot, kept for the next ones. */
  readonly cachedLayouts: number
  readonly values: number
  readonly exemplars: number
  readonly history: number
  /** Pooled arrays and buffers. */
  readonly spare: number
}

/** Result of reading what a record cannot be applied without. */
export interface Reading {
  /** Compiled, or why it is refused. */
  readonly layout: CompiledLayout | RefusedError
  /** Undefined if it has not been read. */
  readonly body?: SnapshotBody | RefusedError
  /** Steps that this took. */
  readonly steps: number
}

/** Result of a job on another thread that counts as a step, bytes. */
const JOB_BYTES_PER_STEP = 128 * 1024

/**
 * Memory of a shard's targets.
 *
 * Snapshots, parts and layouts are shared by targets, the history, responses in progress and
 * subscribers. Each holder acquires what it reads and releases it afterwards. After the last
 * release the memory is reused at once. A snapshot holds its parts and a part its layout, so that a
 * holder of a snapshot needs no further references.
 */
export class Store {
  /** Families of the layouts in use. */
  readonly families: FamilyIndex
  readonly memory = new Memory()
  readonly #layouts: LayoutCache<CompiledLayout>
  readonly #arrays = new ArrayPool()
  readonly #raws = new RawPool()

  constructor(private readonly options: StoreOptions) {
    const { limits, layoutBytes, reserved } = options
    this.families = new FamilyIndex(reserved)
    const onGrown = (layout: CompiledLayout, bytes: number) => this.#layouts.grow(layout, bytes)
    this.#layouts = new LayoutCache({
      maxBytes: layoutBytes,
      limits,
      build: (layout, id, compressed) => compileSteps(layout, id, compressed, { limits, onGrown }),
    })
  }

  /** Number of distinct layouts, including those that are not in use. */
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

  /** The layout of that id, if it is in the store. The caller acquires it to keep it. */
  layout(id: string): CompiledLayout | undefined {
    return this.#layouts.get(id)
  }

  /**
   * The layout of the record that is open in the reader, or why it was refused before. Undefined if
   * it is not known: then it has to be read, by `readLayout`.
   *
   * @param likely layout of the record unless it has changed, held by a part of its target
   */
  layoutOf(
    reader: SnapshotReader,
    likely: CompiledLayout | undefined,
  ): Reading['layout'] | undefined {
    if (likely && reader.hasLayoutId(likely.idBytes)) return likely
    const id = reader.layoutId()
    return this.#layouts.get(id) ?? this.#layouts.refusal(id)
  }

  /**
   * Reads a layout, without changing the store. Records may be applied between the steps.
   *
   * @param compressed slice of a record, which must not change in the meantime
   */
  *readLayout(id: string, compressed: Uint8Array): Steps<Reading> {
    const steps = this.#layouts.read(id, compressed)
    let count = 1
    try {
      let step = steps.next()
      while (!step.done) {
        count++
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
      return { layout: step.value, steps: count }
    } catch (error) {
      if (error instanceof RefusedError) return { layout: error, steps: count }
      throw error
    }
  }

  /**
   * Reads a long body. Records may be applied between the steps.
   *
   * @param bytes slice of a record, which must not change in the meantime
   */
  *readBody(layout: CompiledLayout, bytes: Buffer): Steps<Reading> {
    const steps = new SnapshotReader(this.options.limits).bodySteps(bytes, layout.series)
    let count = 1
    try {
      let step = steps.next()
      for (; !step.done; count++) {
        yield
        step = steps.next()
      }
      return { layout, body: step.value, steps: count }
    } catch (error) {
      if (error instanceof RefusedError) return { layout, body: error, steps: count }
      throw error
    }
  }

  /**
   * Creates a part from the record that is open in the reader. The caller is its first holder.
   *
   * @param layout of the record, from `layoutOf` or `readLayout`
   * @param offset offset of the record
   * @param decoded whether the values are decoded now; else a copy of the bytes is kept for
   *   `decode`
   * @param body from `readBody`, if it was read
   * @returns null if the body is long: then nothing has changed, and it has to be read by `readBody`
   * @throws RefusedError when the layout does not fit or the values are invalid; nothing is held
   *   then
   */
  read(
    reader: SnapshotReader,
    layout: CompiledLayout,
    offset: number,
    decoded: boolean,
    body?: SnapshotBody,
  ): SnapshotPart | null {
    const own = layout.holders > 0 ? layout : this.#layouts.add(layout)
    const part = !decoded
      ? undecoded(own, this.#raws.copy(reader.bodyBytes()), offset)
      : body
        ? partOf(own, body, offset)
        : this.#decoded(reader, own, offset)
    if (!part) return null
    this.#acquireLayout(own)
    this.memory.values += partBytes(part)
    this.memory.exemplars += exemplarBytes(part.exemplars)
    return part
  }

  /** Adds a snapshot with one holder. The references to its parts pass to the snapshot. */
  add(snapshot: Snapshot): void {
    this.memory.values += snapshotBytes(snapshot)
  }

  /**
   * Decodes the parts that a replay left undecoded.
   *
   * @param snapshot held by the caller until the last step
   * @throws RefusedError when a part is invalid; that part stays undecoded
   */
  *decodeSteps({ parts }: Snapshot): Steps<void> {
    for (const part of parts) {
      const { raw } = part
      if (!raw) continue
      let body: SnapshotBody
      try {
        body = yield* new SnapshotReader(this.options.limits).bodySteps(raw, part.layout.series)
      } catch (error) {
        // Another holder has decoded it in between, and the bytes were reused.
        if (part.raw !== raw) continue
        throw error
      }
      if (part.raw === raw) this.#setBody(part, body)
    }
  }

  #setBody(part: SnapshotPart, { values, timestamps, exemplars }: SnapshotBody): void {
    const before = partBytes(part)
    const { raw } = part
    part.values = values
    part.timestamps = timestamps
    part.exemplars = exemplars
    part.raw = null
    if (raw) this.#raws.recycle(raw)
    this.memory.values += partBytes(part) - before
    this.memory.exemplars += exemplarBytes(exemplars)
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
    this.memory.values -= snapshotBytes(snapshot)
    for (const part of snapshot.parts) this.#releasePart(part)
    this.options.onReleased(snapshot)
  }

  #releasePart(part: SnapshotPart): void {
    if (!dropReference(part)) return
    const { values, raw } = part
    this.memory.values -= partBytes(part)
    this.memory.exemplars -= exemplarBytes(part.exemplars)
    part.values = null
    part.raw = null
    part.timestamps = null
    part.exemplars = null
    if (values) this.#arrays.recycle(values)
    if (raw) this.#raws.recycle(raw)
    this.#releaseLayout(part.layout)
  }

  #acquireLayout(layout: CompiledLayout): void {
    this.#layouts.acquire(layout)
    if (layout.holders === 1) this.families.note(layout)
  }

  #releaseLayout(layout: CompiledLayout): void {
    this.#layouts.release(layout)
    if (layout.holders === 0) this.families.note(layout)
  }

  /** @returns null if the body is long */
  #decoded(reader: SnapshotReader, layout: CompiledLayout, offset: number): SnapshotPart | null {
    const array = this.#arrays.reuse(layout.series)
    let body: SnapshotBody | null = null
    try {
      body = reader.shortBody(layout.series, array)
      return body && partOf(layout, body, offset)
    } finally {
      if (array && !body) this.#arrays.recycle(array)
    }
  }
}

function partOf(layout: CompiledLayout, body: SnapshotBody, offset: number): SnapshotPart {
  const { values, timestamps, exemplars } = body
  return { kind: 'part', holders: 1, layout, values, raw: null, timestamps, exemplars, offset }
}

function undecoded(layout: CompiledLayout, raw: Buffer, offset: number): SnapshotPart {
  return {
    kind: 'part',
    holders: 1,
    layout,
    values: null,
    raw,
    timestamps: null,
    exemplars: null,
    offset,
  }
}

/** Removes a reference; returns whether it was the last. */
function dropReference(held: Held): boolean {
  if (held.holders === 0)
    throw new Error(`a ${held.kind} is released more often than it was acquired`)
  return --held.holders === 0
}
