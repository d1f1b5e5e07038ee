/**
 * By how much carried log time stays behind, ms: a record that the broker appended before it
 * answered a fetch must not be older than the time to which that answer carried log time on.
 */
const MARGIN_MS = 1_000

/** Log time of a partition, carried on with a monotonic clock while its end has been read. */
export class CarriedTime {
  #time = Number.NEGATIVE_INFINITY
  #mono = 0

  /** @param time log time of the last record, Unix ms; @param mono when it was read */
  observe(time: number, mono: number): void {
    // Several records in a row: the first arrival of a time tells most.
    if (time <= this.at(mono)) return
    this.#time = time
    this.#mono = mono
  }

  /** Log time when the end of the log was read, Unix ms; −∞ before the first record. */
  at(mono: number): number {
    return this.#time + Math.max(0, mono - this.#mono - MARGIN_MS)
  }
}
