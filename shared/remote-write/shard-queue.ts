import { type Piece, samplesOfPiece, type WriteItem } from './item.js'

export interface ShardQueueOptions {
  /** Maximum number of samples in a request. */
  readonly maxSamplesPerSend: number
  /** Time after which samples are sent although the request is not full, ms. */
  readonly batchSendDeadlineMs: number
}

/** Share of the maximum from which on a request is full enough. */
const FULL = 0.75

export interface Waiting {
  readonly item: WriteItem
  /** Monotonic ms. */
  readonly since: number
  /** First series that is not in a request yet. */
  from: number
}

/** The content of one request. */
export interface Batch {
  readonly pieces: readonly Piece[]
  readonly samples: number
}

/**
 * A queue shard: items in order, of which one batch is in flight at a time. Pure: it is handed the
 * time.
 */
export class ShardQueue {
  #waiting: Waiting[] = []
  #head = 0
  #pending = 0
  #inFlight: Batch | null = null
  #flushing = false

  constructor(private readonly options: ShardQueueOptions) {}

  /** Samples that wait or are in flight. */
  get pending(): number {
    return this.#pending
  }

  get isIdle(): boolean {
    return this.#inFlight === null
  }

  /** @param now monotonic ms */
  push(item: WriteItem, now: number): void {
    this.#waiting.push({ item, since: now, from: 0 })
    this.#pending += item.samples
  }

  /** Everything is sent without waiting for the deadline, until `false`. */
  flush(flushing: boolean): void {
    this.#flushing = flushing
  }

  /**
   * The next batch, which is in flight until `settle`; null if none is due.
   *
   * @param now monotonic ms
   */
  next(now: number): Batch | null {
    if (this.#inFlight || !this.#isDue(now)) return null
    const { maxSamplesPerSend } = this.options
    const pieces: Piece[] = []
    let samples = 0
    /** Targets in this batch; null while none of them may be a repeat. */
    const targets = new Map<string, boolean>()
    while (this.#head < this.#waiting.length && samples < maxSamplesPerSend) {
      const waiting = this.#waiting[this.#head]
      const { item } = waiting
      if (item.isCancelled) {
        this.#head++
        this.#pending -= item.samples
        item.settle()
        continue
      }
      const known = targets.get(item.target)
      if (known !== undefined && (known || item.isRepeat)) break
      targets.set(item.target, item.isRepeat)
      const perSeries = item.samples / item.series
      const room = Math.max(1, Math.floor((maxSamplesPerSend - samples) / perSeries))
      const to = Math.min(item.series, waiting.from + room)
      const piece = { item, from: waiting.from, to }
      // A request is rather a little smaller than that an item is split, but a request costs as much
      // as hundreds of samples.
      if (
        to < item.series &&
        waiting.from === 0 &&
        samples >= FULL * maxSamplesPerSend &&
        item.samples <= maxSamplesPerSend
      )
        break
      pieces.push(piece)
      samples += samplesOfPiece(piece)
      waiting.from = to
      if (to === item.series) this.#head++
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    } else if (this.#head >= 1024) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    if (pieces.length === 0) return null
    this.#inFlight = { pieces, samples }
    return this.#inFlight
  }

  /**
   * The batch in flight was answered, or dropped for good, but for pieces of isolated targets.
   *
   * @param now monotonic ms
   * @returns all that waits of each isolated target, in order, which is removed
   */
  settle(isolated: readonly Piece[] = [], now = 0): ReadonlyMap<string, readonly Waiting[]> {
    const batch = this.#inFlight
    this.#inFlight = null
    const left = new Map<WriteItem, number>()
    for (const { item, from } of isolated) left.set(item, Math.min(from, left.get(item) ?? from))
    const removed = new Map<string, Waiting[]>()
    for (const { item, to } of batch?.pieces ?? []) {
      const from = left.get(item)
      if (from !== undefined) {
        const ofTarget = removed.get(item.target) ?? []
        removed.set(item.target, [...ofTarget, { item, since: now, from }])
      } else if (to < item.series) continue
      else item.settle()
      this.#pending -= item.samples
    }
    if (removed.size > 0) this.#removeWaiting(removed, left)
    return removed
  }

  #removeWaiting(
    removed: ReadonlyMap<string, Waiting[]>,
    left: ReadonlyMap<WriteItem, number>,
  ): void {
    const kept: Waiting[] = []
    for (const waiting of this.#waiting.slice(this.#head)) {
      const { item } = waiting
      const ofTarget = removed.get(item.target)
      if (!ofTarget) kept.push(waiting)
      // The rest of an item whose first series were in the request.
      else if (!left.has(item)) {
        ofTarget.push(waiting)
        this.#pending -= item.samples
      }
    }
    this.#waiting = kept
    this.#head = 0
  }

  /** Monotonic ms at which `next` has a batch without further items; Infinity if it has none. */
  dueAt(now: number): number {
    if (this.#inFlight || this.#head === this.#waiting.length) return Number.POSITIVE_INFINITY
    if (this.#isDue(now)) return now
    return this.#waiting[this.#head].since + this.options.batchSendDeadlineMs
  }

  /**
   * Removes all items that wait, in order, for another number of shards. To be called while no
   * batch is in flight.
   */
  *drain(): Generator<{ readonly item: WriteItem; readonly since: number; readonly from: number }> {
    const all = this.#waiting.slice(this.#head)
    this.#waiting = []
    this.#head = 0
    this.#pending = 0
    yield* all
  }

  /** As `push`, for an item of another shard, of which some series were sent. */
  readd(waiting: {
    readonly item: WriteItem
    readonly since: number
    readonly from: number
  }): void {
    this.#waiting.push({ ...waiting })
    this.#pending += waiting.item.samples
  }

  #isDue(now: number): boolean {
    const first = this.#waiting[this.#head]
    if (!first) return false
    return (
      this.#flushing ||
      this.#pending >= this.options.maxSamplesPerSend ||
      now - first.since >= this.options.batchSendDeadlineMs
    )
  }
}
