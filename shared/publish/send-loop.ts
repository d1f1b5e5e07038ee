import { asError } from '../base/as-error.js'
import type { Clock } from '../base/clock.js'
import { nextTurn } from '../base/scheduling.js'
import { type Batch, Dispatcher, type Slot, type TargetOutcome } from './dispatcher.js'
import type { Publication, RecordSender, SendError } from './publication.js'

export interface SendLoopOptions {
  /** The loop does not close it. */
  readonly sender: RecordSender
  readonly clock: Clock
  /** Returns a number from 0 to 1. Default: `Math.random`. */
  readonly random?: () => number
}

/** Time spent on encoding before the event loop is yielded. */
const SLICE_MS = 3

export interface Delivery<T> extends TargetOutcome<T> {
  /** From the start of encoding to the outcome. */
  readonly tookMs: number
}

/**
 * Sends the batches of a dispatcher. One batch is encoded at a time, in slices. Its timers do not
 * keep the process alive: a caller that needs an acknowledgement awaits it.
 */
export class SendLoop<T extends Publication> {
  readonly #options: SendLoopOptions
  readonly #dispatcher: Dispatcher<T>
  /** Bytes of the encoded records in flight, by target. */
  readonly #encodedBytes = new Map<Slot<T>, number>()
  #timer: NodeJS.Timeout | null = null
  #isPumping = false
  #isStopped = false

  /** @param onDelivery called with the outcome of a target's entries; must not throw */
  constructor(
    options: SendLoopOptions,
    private readonly onDelivery: (delivery: Delivery<T>) => void,
  ) {
    this.#options = options
    const { sender, random = Math.random } = options
    this.#dispatcher = new Dispatcher({ laneOf: key => sender.laneOf(key), random })
  }

  /** To be called when a publication was added to the target's queue. */
  enqueue(slot: Slot<T>): void {
    if (this.#isStopped) return
    this.#dispatcher.enqueue(slot, this.#now())
    this.#pump()
  }

  /** As `enqueue`, but ends the backoff of the target and its lane. */
  retryNow(slot: Slot<T>): void {
    if (this.#isStopped) return
    this.#dispatcher.retryNow(slot, this.#now())
    this.#pump()
  }

  remove(slot: Slot<T>): void {
    this.#dispatcher.remove(slot)
  }

  /** Bytes of the target's encoded records in flight. */
  encodedBytes(slot: Slot<T>): number {
    return this.#encodedBytes.get(slot) ?? 0
  }

  /** Stops sending. The outcome of batches in flight is still reported. */
  stop(): void {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  #now(): number {
    return this.#options.clock.now().mono
  }

  #pump(): void {
    if (this.#isPumping || this.#isStopped) return
    this.#isPumping = true
    void this.#sendAll()
  }

  /** Encodes each batch in a turn of its own: the caller of `enqueue` has used some of this one. */
  async #sendAll(): Promise<void> {
    for (;;) {
      await nextTurn()
      const batch = this.#isStopped ? null : this.#dispatcher.next(this.#now())
      if (!batch) break
      const since = this.#now()
      void this.#deliver(batch, await encode(batch, this.#encodedBytes), since)
    }
    this.#isPumping = false
    this.#scheduleRetry()
  }

  /** Sets the timer for the end of the next backoff. */
  #scheduleRetry(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const now = this.#now()
    const due = this.#isStopped ? null : this.#dispatcher.dueAt(now)
    if (due === null) return
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, due - now))
    // Do not keep the process alive for this timer.
    this.#timer.unref()
  }

  async #deliver(batch: Batch<T>, encoded: Encoded, since: number): Promise<void> {
    const outcomes = await this.#write(encoded)
    const now = this.#now()
    const completed = this.#dispatcher.complete(batch, outcomes, now)
    for (const { slot } of completed) this.#encodedBytes.delete(slot)
    for (const outcome of completed) this.onDelivery({ ...outcome, tookMs: now - since })
    this.#pump()
  }

  async #write({ entries, outcomes }: Encoded): Promise<readonly (SendError | null)[]> {
    const fail = (error: SendError) => {
      for (const { at } of entries) outcomes[at] = error
    }
    if (this.#isStopped) fail(new Error('the outbox was stopped'))
    else {
      try {
        const answers = entries.length > 0 ? await this.#options.sender.sendAll(entries) : []
        for (const [i, { at }] of entries.entries()) outcomes[at] = answers[i] ?? null
      } catch (error) {
        fail(asError(error))
      }
    }
    return outcomes
  }
}

interface Encoded {
  readonly entries: readonly {
    readonly key: Buffer
    readonly values: Buffer[]
    readonly at: number
  }[]
  /** One for each entry of the batch: an error if it could not be encoded, else null. */
  readonly outcomes: (SendError | null)[]
}

/**
 * Encodes a batch in slices. Yields the event loop at the end too, because writing copies all bytes
 * and computes a checksum.
 */
async function encode<T extends Publication>(
  batch: Batch<T>,
  encodedBytes: Map<Slot<T>, number>,
): Promise<Encoded> {
  const entries: { key: Buffer; values: Buffer[]; at: number }[] = []
  const outcomes = new Array<SendError | null>(batch.entries.length).fill(null)
  let sliceStart = performance.now()
  for (const [at, { slot, item }] of batch.entries.entries()) {
    const values: Buffer[] = []
    try {
      for (const record of item.encode(slot.queue.superseded)) {
        values.push(record)
        encodedBytes.set(slot, (encodedBytes.get(slot) ?? 0) + record.length)
        if (performance.now() - sliceStart < SLICE_MS) continue
        await nextTurn()
        sliceStart = performance.now()
      }
      entries.push({ key: slot.key, values, at })
    } catch (error) {
      outcomes[at] = Object.assign(asError(error), { refusal: true })
    }
  }
  await nextTurn()
  return { entries, outcomes }
}
