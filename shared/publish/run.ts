import type { Label } from '../metrics/model.js'

/** What all records of one run of a target have in common. */
export interface RunHeader {
  readonly target: readonly Label[]
  /** Unix ms. */
  readonly incarnation: number
  readonly intervalMs: number
}

/** One collection of a run, whether it failed or not. */
export interface Collection {
  readonly sequence: number
  /** Unix ms. */
  readonly collectedAt: number
  readonly collectSeconds: number
}

/** Numbers the collections of one run: sequences without a gap, times that ascend whatever the clock does. */
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
