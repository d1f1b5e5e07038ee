export interface TickerOptions {
  /** Milliseconds without a record after which a tick is appended. */
  readonly after: number
  /** Maximum random wait before it, ms, so that one of many gateways does it. */
  readonly spread: number
  /** Milliseconds since the last record. */
  readonly idle: () => number
  /** Whether log time matters. */
  readonly wanted: () => boolean
  /** Never rejects. */
  readonly tick: () => Promise<unknown>
}

/** Appends a tick when the log has had no record for a while, so that log time goes on. */
export class Ticker {
  #timer: NodeJS.Timeout | undefined
  #stopped = true

  constructor(private readonly options: TickerOptions) {}

  start(): void {
    this.#stopped = false
    this.#arm()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #arm(): void {
    if (this.#stopped) return
    const { after, spread, idle } = this.options
    const limit = after + Math.random() * spread
    // At least a millisecond: an idle log without a need for ticks is looked at again later.
    const wait = limit - idle()
    this.#timer = setTimeout(() => void this.#check(limit), wait > 0 ? wait : after)
  }

  async #check(limit: number): Promise<void> {
    const { idle, wanted, tick } = this.options
    if (idle() >= limit && wanted()) await tick()
    this.#arm()
  }
}
