import type { Origin } from './state/made.js'

/** What was published and is not acknowledged, by where it began in the log. */
export class Unacknowledged {
  readonly #origins = new Set<Origin>()
  #waiting: (() => void)[] = []

  get size(): number {
    return this.#origins.size
  }

  /** @returns a function to be called when the brokers have acknowledged or refused it */
  add({ offset, time }: Origin): () => void {
    const origin = { offset, time }
    this.#origins.add(origin)
    return () => {
      this.#origins.delete(origin)
      if (this.#origins.size > 0) return
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }

  /** The lower of an origin and those that are not acknowledged. */
  lowest(origin: Origin): Origin {
    let lowest = origin
    for (const other of this.#origins) if (other.offset < lowest.offset) lowest = other
    return lowest
  }

  /** Resolves when nothing is unacknowledged. */
  async settled(): Promise<void> {
    if (this.#origins.size === 0) return
    await new Promise<void>(resolve => this.#waiting.push(resolve))
  }
}
