import { Slot } from './dispatcher.js'
import { OrderedQueue } from './ordered-queue.js'
import type { Publication } from './publication.js'
import { type Delivery, SendLoop, type SendLoopOptions } from './send-loop.js'
import type { DeliveryCounts } from './target-queue.js'

export interface OrderedOutboxOptions extends SendLoopOptions {
  /** Limit of the encoded records held for all targets, bytes. */
  readonly maxBytes: number
}

/** Numbers by which the outboxes of several gateways are told apart: three bytes in a record. */
const WRITERS = 2 ** 20

/** An offer that was accepted. */
export interface OrderedDelivery {
  /**
   * Resolves when the brokers acknowledge the publication. Rejects when they refuse it, or with
   * `OutboxClosed`: they may have received it nevertheless. Callers may ignore this promise.
   */
  readonly acknowledged: Promise<void>
}

/** A target's place in the outbox. */
export interface OrderedTarget {
  readonly counts: DeliveryCounts
  /**
   * Resolves when the outbox has room, in the order of the calls. The publication is held until it
   * is acknowledged or refused. Publications of one target keep their order.
   *
   * @throws OutboxClosed if the outbox or the target is closed before
   */
  offer(publication: Publication): Promise<OrderedDelivery>
  /** Stops sending for this target. Publications that are held stay `held` in `counts`. */
  close(): void
}

/** The target or the whole outbox was closed before the brokers acknowledged. */
export class OutboxClosed extends Error {
  override readonly name = 'OutboxClosed'
  constructor() {
    super('the outbox was closed before the brokers acknowledged')
  }
}

/** Encoded when it is accepted: nothing is superseded, and its size is known from then on. */
interface Held extends Publication {
  /** @param error null if it was acknowledged */
  settle(error: Error | null): void
}

interface WaitingOffer {
  readonly target: Target
  readonly bytes: number
  admit(): void
  reject(error: Error): void
}

/**
 * The outbox of a gateway that relays snapshots of others. All publications are sent, in order. Its
 * size is bounded in bytes: at the limit, callers wait. A publication that the brokers refuse is
 * returned to its caller, because it would block its target for ever.
 */
export class OrderedOutbox {
  readonly #maxBytes: number
  /** Written as `superseded`, which a relayed run does not count: parts with equal ones are joined. */
  readonly #writer: number
  readonly #loop: SendLoop<Held>
  readonly #targets = new Map<Slot<Held>, Target>()
  #waiting: WaitingOffer[] = []
  #bytes = 0
  #stopped = false

  constructor(options: OrderedOutboxOptions) {
    this.#maxBytes = options.maxBytes
    this.#writer = Math.floor((options.random ?? Math.random)() * WRITERS)
    this.#loop = new SendLoop(options, delivery => this.#onDelivery(delivery))
  }

  /** Size of the held records. At most `maxBytes`, unless a single publication is larger. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param key key of the target's records; unique in the outbox */
  target(key: Buffer): OrderedTarget {
    const target = new Target(key)
    this.#targets.set(target.slot, target)
    return {
      counts: target.queue,
      offer: publication => this.#offer(target, publication),
      close: () => this.#close(target),
    }
  }

  /** Stops sending, for all targets. */
  stop(): void {
    this.#stopped = true
    this.#loop.stop()
    for (const { reject } of this.#waiting.splice(0)) reject(new OutboxClosed())
    for (const target of [...this.#targets.values()]) this.#close(target)
  }

  async #offer(target: Target, publication: Publication): Promise<OrderedDelivery> {
    if (target.closed || this.#stopped) throw new OutboxClosed()
    const records = [...publication.encode(this.#writer)]
    const bytes = records.reduce((sum, record) => sum + record.length, 0)
    // Offers that wait come first, those of this target included.
    if (this.#waiting.length === 0 && this.#hasRoom(bytes))
      return this.#hold(target, records, bytes)
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
        // The caller may keep a closed target: release the records.
        held = []
        this.#bytes -= bytes
        if (error) reject(error)
        else resolve()
      }
      target.queue.offer({ bytes, encodedBytes: bytes, encode: () => held, settle })
    })
    acknowledged.catch(() => {})
    this.#loop.enqueue(target.slot)
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

  #onDelivery({ slot, acknowledged, error, refused }: Delivery<Held>): void {
    for (const held of acknowledged) held.settle(null)
    refused?.settle(error)
    const target = this.#targets.get(slot)
    if (target?.closed) this.#close(target)
    this.#admit()
  }

  #close(target: Target): void {
    target.closed = true
    this.#loop.remove(target.slot)
    for (const held of target.queue.pending) held.settle(new OutboxClosed())
    for (const waiting of this.#waiting)
      if (waiting.target === target) waiting.reject(new OutboxClosed())
    this.#waiting = this.#waiting.filter(waiting => waiting.target !== target)
    if (!target.slot.inFlight) this.#targets.delete(target.slot)
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
