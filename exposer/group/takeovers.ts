import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../shared/base/clock.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { Shard } from '../core/shard.js'
import type { FetchHandover } from './handovers.js'
import type { Member } from './map.js'

export interface TakeoverOptions {
  readonly shard: Shard
  readonly clock: Clock
  readonly fetch: FetchHandover
  readonly events: TakeoverEvents
}

export interface TakeoverEvents {
  /** The previous owner has answered. @param error why nothing was received from it */
  onHandover(partition: number, error?: Error): void
  /**
   * The partition is loaded, and continues with what was received.
   *
   * @param complete whether all of its targets are known
   */
  onSettled(partition: number, complete: boolean): void
}

interface Takeover {
  /** Whether all targets are known; undefined before the previous owner has answered. */
  complete: boolean | undefined
  /** Settles when records need not wait for the answer. */
  answered: Promise<unknown>
  settling: boolean
}

/**
 * How long the replay of a partition waits for the answer of its previous owner. A replay without
 * it shows scrapers of the view `all` what they have seen, or not what they have not seen.
 */
const WAIT_MS = 1000

/** Fresh partitions whose previous owners are asked for what the log does not tell. */
export class Takeovers {
  readonly #takeovers = new Map<number, Takeover>()

  constructor(private readonly options: TakeoverOptions) {}

  /** Whether the partition does not continue yet with what its previous owner knows. */
  has(partition: number): boolean {
    return this.#takeovers.has(partition)
  }

  /** Settles when records of the partition can be applied; undefined if they can now. */
  ready(partition: number): Promise<unknown> | undefined {
    return this.#takeovers.get(partition)?.answered
  }

  cancel(partition: number): void {
    this.#takeovers.delete(partition)
  }

  begin(partition: number, previous: Member, partitionCount: number): void {
    const takeover: Takeover = {
      complete: undefined,
      answered: Promise.resolve(),
      settling: false,
    }
    this.#takeovers.set(partition, takeover)
    const answered = this.#ask(partition, takeover, previous, partitionCount)
    takeover.answered = Promise.race([answered, delay(WAIT_MS, undefined, { ref: false })])
  }

  /** The replay is complete: continues with what was received, once the answer is there. */
  async settle(partition: number): Promise<void> {
    const { shard, clock, events } = this.options
    const takeover = this.#takeovers.get(partition)
    if (takeover?.complete === undefined || takeover.settling || !shard.loaded(partition)) return
    takeover.settling = true
    const whole = await runInSlices(shard.settleSteps(partition, clock.now()))
    if (this.#takeovers.get(partition) !== takeover) return
    this.#takeovers.delete(partition)
    events.onSettled(partition, takeover.complete && whole)
  }

  async #ask(
    partition: number,
    takeover: Takeover,
    previous: Member,
    partitionCount: number,
  ): Promise<void> {
    const { shard, clock, fetch, events } = this.options
    const { maxTargets, limits } = shard.options
    const { store } = shard
    const memory = {
      makeRoom: (bytes: number) => store.makeRoom(bytes, 0),
      promise: (bytes: number) => store.memory.promise(bytes, 0),
    }
    const isCurrent = () => this.#takeovers.get(partition) === takeover
    try {
      const handed = await fetch(previous, {
        partition,
        partitionCount,
        maxTargets,
        limits,
        memory,
      })
      if (!isCurrent()) return
      shard.receive(partition, handed, clock.now())
      takeover.complete = handed.complete
      events.onHandover(partition)
    } catch (error) {
      if (!isCurrent()) return
      takeover.complete = false
      events.onHandover(partition, error as Error)
    }
    await this.settle(partition)
  }
}
