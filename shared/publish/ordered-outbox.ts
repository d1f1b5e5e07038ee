import { Slot } from './dispatcher.js'
import { OrderedQueue } from './ordered-queue.js'
import type { Publication } from './publication.js'
import { type Delivery, SendLoop, type SendLoopOptions } from './send-loop.js'
import type { DeliveryCounts } from './target-queue.js'

export interface OrderedOutboxOptions extends SendLoopOptions {
  /** Bytes of encoded records that are held for all targets together. */
  readonly maxBytes: number
}

/** An offer that was taken in. */
export interface OrderedDelivery {
  /**
   * Resolves when the brokers have it. Rejects when they refuse it for what it is, or with `OutboxClosed`: then it may have
   * arrived all the same. Callers may ignore it.
   */
  readonly acknowledged: Promise<void>
}

/** A target's place in the outbox. */
export interface OrderedTarget {
  readonly counts: DeliveryCounts
  /**
   * Waits until there is room, first come first served; then it is held until it is acknowledged or refused. Offers of one target
   * keep their order.
   *
   * @throws OutboxClosed when it was not taken in
   */
  offer(publication: Publication): Promise<OrderedDelivery>
  /** Sends nothing more of it. What is held stays so in `counts`. */
  close(): void
}

/** The target or the whole outbox was closed before the brokers acknowledged. */
export class OutboxClosed extends Error {
  override readonly name = 'OutboxClosed'
  constructor() {
    super('the outbox was closed before the brokers acknowledged')
  }
}

/** Encoded when it is taken in, because nothing is superseded and its bytes are then known. */
interface Held extends Publication {
  /** @param error null when it was acknowledged */
  settle(error: Error | null): void
}

interface Waiting {
  readonly target: Target
  readonly bytes: number
  admit(): void
  reject(error: Error): void
}

/**
 * The outbox of a gateway that passes on what others collected: everything in its order, nothing dropped. It is bounded in bytes,
 * and the caller waits instead. A publication that the brokers refuse for what it is goes back to its caller, since it would
 * hold up its target for ever.
 */
export class OrderedOutbox {
  readonly #maxBytes: number
  readonly #loop: SendLoop<Held>
  readonly #targets = new Map<Slot<Held>, Target>()
  #waiting: Waiting[] = []
  #bytes = 0
  #stopped = false

  constructor(options: OrderedOutboxOptions) {
    this.#maxBytes = options.maxBytes
    this.#loop = new SendLoop(options, delivery => this.#settled(delivery))
  }

  /** Bytes that are held: at most `maxBytes`, unless a single publication is larger. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param key of its records; no two targets may share one */
  target(key: Buffer): OrderedTarget {
    const target = new Target(key)
    this.#targets.set(target.slot, target)
    return {
      counts: target.queue,
      offer: publication => this.#offer(target, publication),
      close: () => this.#close(target),
    }
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true
    this.#loop.stop()
    for (const { reject } of this.#waiting.splice(0)) reject(new OutboxClosed())
    for (const target of [...this.#targets.values()]) this.#close(target)
  }

  async #offer(target: Target, publication: Publication): Promise<OrderedDelivery> {
    if (target.closed || this.#stopped) throw new OutboxClosed()
    const records = [...publication.encode(0)]
    const bytes = records.reduce((sum, record) => sum + record.length, 0)
    // Behind those that wait, of this target too.
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) return this.#hold(target, records, bytes)
    return new Promise((resolve, reject) => {
      const admit = () => resolve(this.#hold(target, records, bytes))
      this.#waiting.push({ target, bytes, admit, reject })
    })
  }

  #hold(target: Target, records: Buffer[], bytes: number): OrderedDelivery {
    this.#bytes += bytes
    const acknowledged = new Promise<void>((resolve, reject) => {
      let held = records
      let isSettled = false
      const settle = (error: Error | null) => {
        if (isSettled) return
        isSettled = true
        // A closed target may be kept by its caller; what it did not send need not be.
        held = []
        this.#bytes -= bytes
        if (error) reject(error)
        else resolve()
      }
      target.queue.offer({ bytes, encodedBytes: bytes, encode: () => held, settle })
    })
    acknowledged.catch(() => {})
    this.#loop.poke(target.slot)
    return { acknowledged }
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#maxBytes
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#hasRoom(this.#waiting[0].bytes)) {
      this.#waiting.shift()!.admit()
    }
  }

  #settled({ slot, acknowledged, error, refused }: Delivery<Held>): void {
    for (const held of acknowledged) held.settle(null)
    refused?.settle(error)
    const target = this.#targets.get(slot)
    if (target?.closed) this.#close(target)
    this.#admit()
  }

  #close(target: Target): void {
    target.closed = true
    this.#loop.remove(target.slot)
    for (const held of target.queue.waiting) held.settle(new OutboxClosed())
    for (const waiting of this.#waiting) if (waiting.target === target) waiting.reject(new OutboxClosed())
    this.#waiting = this.#waiting.filter(waiting => waiting.target !== target)
    if (!target.slot.flying) this.#targets.delete(target.slot)
    this.#admit()
  }
}

class Target {
  readonly queue = new OrderedQueue<Held>()
  readonly slot: Slot<Held>
  closed = false

  constructor(key: Buffer) {
    this.slot = new Slot(key, this.queue)
  }
}
