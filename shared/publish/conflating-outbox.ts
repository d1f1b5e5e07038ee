import { ConflatingQueue } from './conflating-queue.js'
import { Slot } from './dispatcher.js'
import type { Publication } from './publication.js'
import { type Delivery, SendLoop, type SendLoopOptions } from './send-loop.js'
import type { DeliveryCounts } from './target-queue.js'

/** Callbacks for one target. They must not throw. */
export interface TargetEvents {
  /** A publication was acknowledged. @param tookMs from its encoding to the acknowledgement */
  acknowledged?(tookMs: number): void
  /** An attempt failed. It is retried. */
  failed?(error: Error): void
  /** `counts` or `bytes` may have changed. */
  changed?(): void
}

/** A target's place in the outbox. */
export interface ConflatingTarget {
  readonly counts: DeliveryCounts
  /** Bytes of the publications in flight and pending. */
  readonly bytes: number
  offer(publication: Publication): void
  /**
   * Retries without waiting for the backoff. Resolves when nothing is held, or when the target or
   * the outbox is closed.
   */
  drain(): Promise<void>
  /** Stops sending for this target. Publications that are held stay `held` in `counts`. */
  close(): void
}

/**
 * The outbox of publishers. Each target has at most one publication in flight and one pending,
 * which the next one supersedes. Memory per target is constant, and only the newest publication is
 * retried.
 */
export class ConflatingOutbox {
  readonly #loop: SendLoop<Publication>
  readonly #targets = new Map<Slot<Publication>, Target>()
  #stopped = false

  constructor(options: SendLoopOptions) {
    this.#loop = new SendLoop(options, delivery =>
      this.#targets.get(delivery.slot)?.delivered(delivery),
    )
  }

  /** @param key key of the target's records; unique in the outbox */
  target(key: Buffer, events: TargetEvents = {}): ConflatingTarget {
    const queue = new ConflatingQueue<Publication>()
    const slot = new Slot(key, queue)
    const target = new Target(this.#loop, slot, queue, events, () => {
      this.#loop.remove(slot)
      // The outcome of a publication in flight is still reported.
      if (!slot.inFlight) this.#targets.delete(slot)
    })
    this.#targets.set(slot, target)
    if (this.#stopped) target.close()
    return target
  }

  /** Bytes of all targets' publications, in flight and pending. */
  get bytes(): number {
    let bytes = 0
    for (const target of this.#targets.values()) bytes += target.bytes
    return bytes
  }

  /** Stops sending, for all targets. */
  stop(): void {
    this.#stopped = true
    this.#loop.stop()
    for (const target of this.#targets.values()) target.close()
  }
}

class Target implements ConflatingTarget {
  readonly #waiters: (() => void)[] = []
  #closed = false

  constructor(
    private readonly loop: SendLoop<Publication>,
    private readonly slot: Slot<Publication>,
    private readonly queue: ConflatingQueue<Publication>,
    private readonly events: TargetEvents,
    private readonly onClosed: () => void,
  ) {}

  get counts(): DeliveryCounts {
    return this.queue
  }

  get bytes(): number {
    const { pending, inFlight } = this.queue
    return (pending?.bytes ?? 0) + (inFlight?.bytes ?? 0) + this.loop.encodedBytes(this.slot)
  }

  offer(publication: Publication): void {
    this.queue.offer(publication)
    if (!this.#closed) this.loop.enqueue(this.slot)
    this.events.changed?.()
  }

  drain(): Promise<void> {
    if (this.#closed || this.queue.held === 0) return Promise.resolve()
    this.loop.retryNow(this.slot)
    return new Promise(resolve => this.#waiters.push(resolve))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.onClosed()
    this.#resolveWaiters()
  }

  delivered({ acknowledged, error, tookMs }: Delivery<Publication>): void {
    if (acknowledged.length > 0) this.events.acknowledged?.(tookMs)
    if (error && !this.#closed) this.events.failed?.(error)
    this.events.changed?.()
    if (this.#closed) this.onClosed()
    if (this.queue.held === 0) this.#resolveWaiters()
  }

  #resolveWaiters(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
