/** What became of all that one target offered. `offered` = `acknowledged` + `superseded` + `refused` + `held`, at any time. */
export interface DeliveryCounts {
  readonly offered: number
  /** The brokers have them. */
  readonly acknowledged: number
  /** Replaced unsent by a newer one. */
  readonly superseded: number
  /** Handed back, because the brokers refuse them. */
  readonly refused: number
  /** In flight or waiting. */
  readonly held: number
}

/** What one target has to send, in order: some of it in flight, the rest waiting. */
export interface TargetQueue<T> extends DeliveryCounts {
  /** The next to send, in flight from now on; null when there is none that may be. */
  take(): T | null
  /** Whether `take` would give one. */
  readonly ready: boolean
  /** The oldest in flight has arrived. */
  acknowledge(): void
  /** Nothing of what is in flight has arrived: it waits again. */
  fail(): void
  /**
   * The oldest in flight is refused for what it is, and nothing else is in flight.
   *
   * @returns it, when it is given up and to be handed back; null when it waits again
   */
  refuse(): T | null
}
