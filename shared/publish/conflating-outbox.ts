import { ConflatingQueue } from './conflating-queue.js'
import { Slot } from './dispatcher.js'
import type { Publication } from './publication.js'
import { type Delivery, SendLoop, type SendLoopOptions } from './send-loop.js'
import type { DeliveryCounts } from './target-queue.js'

/** What is told of one target. None may throw. */
export interface TargetEvents {
  /** The brokers have one more. @param tookMs from its encoding to the acknowledgement */
  acknowledged?(tookMs: number): void
  /** An attempt failed; there will be another. */
  failed?(error: Error): void
  /** `counts` or `bytes` are others now. */
  changed?(): void
}

/** A target's place in the outbox. */
export interface ConflatingTarget {
  readonly counts: DeliveryCounts
  /** Bytes of what is in flight and what waits. */
  readonly bytes: number
  offer(publication: Publication): void
  /** Tries again at once, and resolves when nothing is held any more, or the target or the outbox was closed. */
  drain(): Promise<void>
  /** Sends nothing more of it. What is held stays so in `counts`. */
  close(): void
}

/**
 * The outbox of publishers: for each of any number of targets one publication in flight and one waiting, which the next one
 * supersedes. Memory is constant whatever the brokers do; nothing is retried that is not the newest.
 */
export class ConflatingOutbox {
  readonly #loop: SendLoop<Publication>
  readonly #targets = new Map<Slot<Publication>, Target>()
  #stopped = false

  constructor(options: SendLoopOptions) {
    this.#loop = new SendLoop(options, delivery => this.#targets.get(delivery.slot)?.settled(delivery))
  }

  /** @param key of its records; no two targets may share one */
  target(key: Buffer, events: TargetEvents = {}): ConflatingTarget {
    const queue = new ConflatingQueue<Publication>()
    const slot = new Slot(key, queue)
    const target = new Target(this.#loop, slot, queue, events, () => {
      this.#loop.remove(slot)
      // Until what is in flight has been settled it is told of.
      if (!slot.flying) this.#targets.delete(slot)
    })
    this.#targets.set(slot, target)
    if (this.#stopped) target.close()
    return target
  }

  /** Bytes of all targets' publications, in flight and waiting. */
  get bytes(): number {
    let bytes = 0
    for (const target of this.#targets.values()) bytes += target.bytes
    return bytes
  }

  /** Sends nothing more. */
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
    const { waiting, flying } = this.queue
    return (waiting?.bytes ?? 0) + (flying?.bytes ?? 0) + this.loop.flyingBytes(this.slot)
  }

  offer(publication: Publication): void {
    this.queue.offer(publication)
    if (!this.#closed) this.loop.poke(this.slot)
    this.events.changed?.()
  }

  drain(): Promise<void> {
    if (this.#closed || this.queue.held === 0) return Promise.resolve()
    this.loop.hurry(this.slot)
    return new Promise(resolve => this.#waiters.push(resolve))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.onClosed()
    this.#release()
  }

  settled({ acknowledged, error, tookMs }: Delivery<Publication>): void {
    if (acknowledged.length > 0) this.events.acknowledged?.(tookMs)
    if (error && !this.#closed) this.events.failed?.(error)
    this.events.changed?.()
    if (this.#closed) this.onClosed()
    if (this.queue.held === 0) this.#release()
  }

  #release(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
