import type { Label } from '../metrics/model.js'

/** Fields that all records of one run of a target share. */
export interface RunHeader {
  readonly target: readonly Label[]
  /** Start of the run, Unix ms. */
  readonly incarnation: number
  readonly intervalMs: number
}

/** Header fields of one collection, successful or failed. */
export interface Collection {
  readonly sequence: number
  /** Unix ms. */
  readonly collectedAt: number
  readonly collectSeconds: number
}

/**
 * Assigns sequence numbers and times to the collections of one run. The numbers have no gaps. The
 * times strictly increase, also when the clock is set back.
 */
export class Run {
  #sequence = 0
  #collectedAt = 0

  constructor(readonly header: RunHeader) {}

  /** @param wall Unix ms */
  next(wall: number, collectSeconds: number): Collection {
    this.#collectedAt = Math.max(this.#collectedAt + 1, Math.round(wall))
    return { sequence: this.#sequence++, collectedAt: this.#collectedAt, collectSeconds }
  }
}
