import type { Clock } from '../base/clock.js'
import { type Batch, Dispatcher, type Settled, type Slot } from './dispatcher.js'
import type { Publication, RecordSender, SendError } from './publication.js'

export interface SendLoopOptions {
  /** Not closed by the loop. */
  readonly sender: RecordSender
  readonly clock: Clock
  /** From 0 to 1; `Math.random` by default. */
  readonly random?: () => number
}

export interface Delivery<T> extends Settled<T> {
  /** From the encoding to the outcome. */
  readonly tookMs: number
}

/**
 * Sends what the targets of a dispatcher have, on one connection to each broker. One batch is encoded in a turn of the event
 * loop, and no timer of it keeps the process alive: who needs something sent stays for it.
 */
export class SendLoop<T extends Publication> {
  readonly #options: SendLoopOptions
  readonly #dispatcher: Dispatcher<T>
  /** Bytes of encoded records in flight. */
  readonly #flying = new Map<Slot<T>, number>()
  #timer: NodeJS.Timeout | null = null
  #pumping = false
  #stopped = false

  /** @param onSettled what became of a target's entries; must not throw */
  constructor(
    options: SendLoopOptions,
    private readonly onSettled: (delivery: Delivery<T>) => void,
  ) {
    this.#options = options
    const { sender, random = Math.random } = options
    this.#dispatcher = new Dispatcher({ laneOf: key => sender.laneOf(key), random })
  }

  /** Something was put into the target's queue. */
  poke(slot: Slot<T>): void {
    if (this.#stopped) return
    this.#dispatcher.enqueue(slot, this.#now())
    this.#pump()
  }

  /** As `poke`, without waiting until a failure before is forgotten. */
  hurry(slot: Slot<T>): void {
    if (this.#stopped) return
    this.#dispatcher.hurry(slot, this.#now())
    this.#pump()
  }

  remove(slot: Slot<T>): void {
    this.#dispatcher.remove(slot)
  }

  /** Bytes of the target's records that are in flight. */
  flyingBytes(slot: Slot<T>): number {
    return this.#flying.get(slot) ?? 0
  }

  /** Sends nothing more. What is in flight is settled when the sender has answered. */
  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  #now(): number {
    return this.#options.clock.now().mono
  }

  /** In a turn of its own, because whoever offers has just used some of this one. It keeps the process alive for one turn. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      if (!this.#stopped) this.#sendNext()
    })
  }

  #sendNext(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const now = this.#now()
    const batch = this.#dispatcher.next(now)
    if (batch) {
      void this.#send(batch)
      this.#pump()
      return
    }
    const due = this.#dispatcher.dueAt(now)
    if (due === null) return
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, due - now))
    this.#timer.unref()
  }

  async #send(batch: Batch<T>): Promise<void> {
    const since = this.#now()
    const outcomes = await this.#attempt(batch)
    const now = this.#now()
    const settled = this.#dispatcher.settle(batch, outcomes, now)
    for (const { slot } of settled) this.#flying.delete(slot)
    for (const one of settled) this.onSettled({ ...one, tookMs: now - since })
    if (!this.#stopped) this.#pump()
  }

  /** @returns the outcome of each entry */
  async #attempt({ entries }: Batch<T>): Promise<readonly (SendError | null)[]> {
    const outcomes = new Array<SendError | null>(entries.length).fill(null)
    const encoded: { key: Buffer; values: Buffer[]; at: number }[] = []
    entries.forEach(({ slot, item }, at) => {
      try {
        const values = item.encode(slot.queue.superseded)
        const bytes = values.reduce((sum, value) => sum + value.length, this.flyingBytes(slot))
        this.#flying.set(slot, bytes)
        encoded.push({ key: slot.key, values, at })
      } catch (error) {
        outcomes[at] = Object.assign(asError(error), { refusal: true })
      }
    })
    try {
      const answers = encoded.length > 0 ? await this.#options.sender.sendAll(encoded) : []
      for (const [i, { at }] of encoded.entries()) outcomes[at] = answers[i] ?? null
    } catch (error) {
      for (const { at } of encoded) outcomes[at] = asError(error)
    }
    return outcomes
  }
}

const asError = (error: unknown): SendError => (error instanceof Error ? error : new Error(String(error)))
