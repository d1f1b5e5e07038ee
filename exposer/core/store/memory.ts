/** What memory is used for, as in `exposer_memory_bytes{kind}`. */
export const MEMORY_KINDS = [
  /** Target objects with their labels and refusals. */
  'targets',
  /** Layouts of snapshots: families, label names and texts, and the index of families. */
  'layouts',
  /** Layouts without a snapshot, kept for the next ones. */
  'cached_layouts',
  /** Complete snapshots: values, timestamps, undecoded copies of records, reasons of failures. */
  'values',
  'exemplars',
  /** Parts of incomplete snapshots. */
  'parts',
  /** Entries of the history, without their snapshots. */
  'history',
  /** Cached lists of targets. */
  'lists',
  /** Scrapes in progress, and what was exposed to each scraper. */
  'scrapes',
  /** Arrays and buffers kept for reuse. */
  'spare',
] as const
export type MemoryKind = (typeof MEMORY_KINDS)[number]
/** Kinds that responses need, which do not count when a record is admitted. */
export type ResponseKind = 'lists' | 'scrapes'
export type RecordKind = Exclude<MemoryKind, ResponseKind>

/** Bytes of one thing. */
export interface Size {
  /** On the heap of V8. */
  readonly heap: number
  /** In array buffers, outside the heap. */
  readonly buffers: number
}

export interface MemoryLimits {
  /** Maximum bytes on the heap. */
  readonly heap: number
  /** Maximum bytes of heap and buffers together. */
  readonly total: number
}

export const NO_SIZE: Size = { heap: 0, buffers: 0 }

/** Share of the limits by which what replaces something may exceed them until that is released. */
const OVERSHOOT = 0.1
/** The same for what is larger than that: others that are known must still be replaced. */
const GROWN_OVERSHOOT = OVERSHOOT / 2
/** Share of the heap's limit by which objects that are garbage at once may exceed it. */
const BRIEF_OVERSHOOT = 0.15
/** Bytes of such objects that are always allowed. */
const BRIEF_BYTES = 4 * 2 ** 20
/**
 * Share of the limits that responses may use beyond them: records that fill the memory must not
 * keep the targets that are held from being scraped.
 */
const RESPONSE_SHARE = 0.25

/**
 * The memory of a shard's targets as one budget: bytes by use, updated at each allocation and
 * release, and whether more fits. Nothing else is counted: code, connections, fetched records and
 * garbage need the rest of the heap.
 */
export class Memory {
  readonly #heap = zeros()
  readonly #buffers = zeros()
  /** Sums of what is held for records. */
  #heapSum = 0
  #buffersSum = 0
  /** Heap of what is held for responses. */
  #responses = 0
  #promisedHeap = 0
  #promisedBuffers = 0
  #brief = 0
  #giveWay: (enough: () => boolean) => void = () => {}

  constructor(readonly limits: MemoryLimits) {}

  /** Counts an allocation, or with negative numbers a release. */
  add(kind: RecordKind, heap: number, buffers = 0): void {
    this.#heap[kind] += heap
    this.#buffers[kind] += buffers
    this.#heapSum += heap
    this.#buffersSum += buffers
  }

  /**
   * Reserves bytes that will be allocated later, or with negative numbers ends that. They are not
   * counted as used.
   */
  promise(heap: number, buffers: number): void {
    this.#promisedHeap += heap
    this.#promisedBuffers += buffers
  }

  /** As `add`, for what responses need. */
  addResponse(kind: ResponseKind, heap: number): void {
    this.#heap[kind] += heap
    this.#responses += heap
  }

  /** Whether the limits allow so many more bytes on the heap for responses. */
  fitsResponse(heap: number): boolean {
    const bytes = this.#heapSum + this.#responses + heap
    const share = 1 + RESPONSE_SHARE
    return (
      bytes <= this.limits.heap * share && bytes + this.#buffersSum <= this.limits.total * share
    )
  }

  /** As `fitsResponse`, after what can be given up for other responses if that is necessary. */
  makeRoomForResponse(heap: number): boolean {
    const enough = () => this.fitsResponse(heap)
    if (!enough()) this.#giveWay(enough)
    return enough()
  }

  /** @param giveWay gives up memory of responses until there is enough, or nothing is left */
  onResponseNeed(giveWay: (enough: () => boolean) => void): void {
    this.#giveWay = giveWay
  }

  /** Counts what is held of a kind now. */
  set(kind: RecordKind, heap: number, buffers: number): void {
    this.add(kind, heap - this.#heap[kind], buffers - this.#buffers[kind])
  }

  /** Counts for `to` what was counted for `from`. */
  move(from: RecordKind, to: RecordKind, { heap, buffers }: Size): void {
    this.add(from, -heap, -buffers)
    this.add(to, heap, buffers)
  }

  /** Whether the limits allow so many more bytes. */
  fits(heap: number, buffers = 0): boolean {
    return this.#within(heap, buffers, 1)
  }

  /**
   * As `fits`, for what replaces something that is released soon.
   *
   * @param isGrown whether it is larger than that
   */
  fitsInPlace({ heap, buffers }: Size, isGrown: boolean): boolean {
    return this.#within(heap, buffers, 1 + (isGrown ? GROWN_OVERSHOOT : OVERSHOOT))
  }

  /**
   * As `fits`, for objects on the heap that are garbage soon. They are reserved by `promiseBriefly`
   * until then.
   */
  fitsBriefly(heap: number): boolean {
    const brief = this.#brief + heap
    return brief <= BRIEF_BYTES || this.#heapSum + brief <= this.limits.heap * (1 + BRIEF_OVERSHOOT)
  }

  /** Reserves heap for objects that are garbage soon, or with a negative number ends that. */
  promiseBriefly(heap: number): void {
    this.#brief += heap
  }

  /** Whether a limit is exceeded. */
  get exceeded(): boolean {
    return !this.fits(0)
  }

  bytes(kind: MemoryKind): number {
    return this.#heap[kind] + this.#buffers[kind]
  }

  byKind(): Record<MemoryKind, number> {
    return record(kind => this.bytes(kind))
  }

  /** Bytes of all kinds. */
  get used(): Size {
    return { heap: this.#heapSum + this.#responses, buffers: this.#buffersSum }
  }

  /**
   * The total at which records are refused, given the present bytes of buffers and what is
   * reserved.
   */
  get limit(): number {
    const { heap, total } = this.limits
    return Math.min(total - this.#promisedBuffers, heap + this.#buffersSum) - this.#promisedHeap
  }

  /** In one line, for messages. */
  describe(): string {
    const used = this.#heapSum + this.#buffersSum
    return `${mebibytes(used)} of ${mebibytes(this.limit)} are in use`
  }

  #within(heap: number, buffers: number, share: number): boolean {
    const heapSum = this.#heapSum + this.#promisedHeap + heap
    const buffersSum = this.#buffersSum + this.#promisedBuffers + buffers
    return heapSum <= this.limits.heap * share && heapSum + buffersSum <= this.limits.total * share
  }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

const zeros = () => record(() => 0)

function record(of: (kind: MemoryKind) => number): Record<MemoryKind, number> {
  return Object.fromEntries(MEMORY_KINDS.map(kind => [kind, of(kind)])) as Record<
    MemoryKind,
    number
  >
}
