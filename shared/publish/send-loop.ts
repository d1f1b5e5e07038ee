import { asError } from '../base/as-error.js'
import type { Clock } from '../base/clock.js'
import { nextTurn } from '../base/scheduling.js'
import { type Batch, Dispatcher, type Settled, type Slot } from './dispatcher.js'
import type { Publication, RecordSender, SendError } from './publication.js'

export interface SendLoopOptions {
  /** Not closed by the loop. */
  readonly sender: RecordSender
  readonly clock: Clock
  /** From 0 to 1; `Math.random` by default. */
  readonly random?: () => number
}

/** Of encoding before others have their turn. */
const SLICE_MS = 3

export interface Delivery<T> extends Settled<T> {
  /** From the encoding to the outcome. */
  readonly tookMs: number
}

/**
 * Sends what the targets of a dispatcher have, on one connection to each broker. One batch is encoded at a time, in
 * slices, and no timer of it keeps the process alive: who needs something sent stays for it.
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

  #pump(): void {
    if (this.#pumping || this.#stopped) return
    this.#pumping = true
    void this.#sendAll()
  }

  /** One batch after the other is encoded, each in a turn of its own: whoever offers has just used some of this one. */
  async #sendAll(): Promise<void> {
    for (;;) {
      await nextTurn()
      const batch = this.#stopped ? null : this.#dispatcher.next(this.#now())
      if (!batch) break
      const since = this.#now()
      void this.#deliver(batch, await encode(batch, this.#flying), since)
    }
    this.#pumping = false
    this.#sleep()
  }

  /** Until there is more to send without anybody saying so. */
  #sleep(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const now = this.#now()
    const due = this.#stopped ? null : this.#dispatcher.dueAt(now)
    if (due === null) return
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, due - now))
    // Do not keep the process alive for this timer.
    this.#timer.unref()
  }

  async #deliver(batch: Batch<T>, encoded: Encoded, since: number): Promise<void> {
    const outcomes = await this.#write(encoded)
    const now = this.#now()
    const settled = this.#dispatcher.settle(batch, outcomes, now)
    for (const { slot } of settled) this.#flying.delete(slot)
    for (const one of settled) this.onSettled({ ...one, tookMs: now - since })
    this.#pump()
  }

  async #write({ entries, outcomes }: Encoded): Promise<readonly (SendError | null)[]> {
    const fail = (error: SendError) => {
      for (const { at } of entries) outcomes[at] = error
    }
    if (this.#stopped) fail(new Error('the outbox was stopped'))
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
  readonly entries: readonly { readonly key: Buffer; readonly values: Buffer[]; readonly at: number }[]
  /** Of each entry of the batch: an error where it could not be encoded. */
  readonly outcomes: (SendError | null)[]
}

/** In slices, the last of which ends with it: writing copies all of it and takes its checksum. */
async function encode<T extends Publication>(
  batch: Batch<T>,
  flying: Map<Slot<T>, number>,
): Promise<Encoded> {
  const entries: { key: Buffer; values: Buffer[]; at: number }[] = []
  const outcomes = new Array<SendError | null>(batch.entries.length).fill(null)
  let begun = performance.now()
  for (const [at, { slot, item }] of batch.entries.entries()) {
    const values: Buffer[] = []
    try {
      for (const record of item.encode(slot.queue.superseded)) {
        values.push(record)
        flying.set(slot, (flying.get(slot) ?? 0) + record.length)
        if (performance.now() - begun < SLICE_MS) continue
        await nextTurn()
        begun = performance.now()
      }
      entries.push({ key: slot.key, values, at })
    } catch (error) {
      outcomes[at] = Object.assign(asError(error), { refusal: true })
    }
  }
  await nextTurn()
  return { entries, outcomes }
}
