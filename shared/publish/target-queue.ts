/**
 * Number of publications of one target by outcome. At any time
 * `offered` = `acknowledged` + `superseded` + `refused` + `held`.
 */
export interface DeliveryCounts {
  readonly offered: number
  /** Acknowledged by the brokers. */
  readonly acknowledged: number
  /** Replaced by a newer one before they were acknowledged. */
  readonly superseded: number
  /** Refused by the brokers and returned to the caller. */
  readonly refused: number
  /** In flight or pending. */
  readonly held: number
}

/** The items of one target that are to be sent, in order. Items are in flight or pending. */
export interface TargetQueue<T> extends DeliveryCounts {
  /** @returns the next item, which is in flight from now on; null if `isReady` is false */
  take(): T | null
  /** Whether an item is pending and may be sent now. */
  readonly isReady: boolean
  /** The oldest item in flight was acknowledged. */
  acknowledge(): void
  /** Sending failed: all items in flight become pending again. */
  fail(): void
  /**
   * The brokers refused the only item in flight.
   *
   * @returns the item if it is removed, to be returned to its caller; null if it is pending again
   */
  refuse(): T | null
}
