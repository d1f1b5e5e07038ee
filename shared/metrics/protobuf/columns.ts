import type { Exemplar } from '../model.js'
import type { ExemplarDraft } from './exemplar.js'

/** Values, timestamps and exemplars of a body, in the order of its series. */
export class Columns {
  length = 0
  #values: Float64Array
  #timestamps: Float64Array | null = null
  #exemplars: Exemplar[] | null = null

  /**
   * @param expected expected number of series
   * @param limit maximum number of series
   */
  constructor(
    expected: number,
    private readonly limit: number,
  ) {
    this.#values = new Float64Array(Math.max(64, Math.min(expected, limit)))
  }

  get exceedsLimit(): boolean {
    return this.length > this.limit
  }

  /** @param timestamp Unix milliseconds, or NaN */
  add(value: number, timestamp: number, exemplar: ExemplarDraft | null): void {
    const index = this.length++
    if (index === this.#values.length) this.#grow()
    this.#values[index] = value
    if (!Number.isNaN(timestamp)) {
      this.#timestamps ??= new Float64Array(this.#values.length).fill(Number.NaN)
      this.#timestamps[index] = timestamp
    }
    if (!exemplar) return
    this.#exemplars ??= []
    this.#exemplars.push({ series: index, ...exemplar })
  }

  finish(): {
    readonly values: Float64Array
    readonly timestamps: Float64Array | null
    readonly exemplars: readonly Exemplar[] | null
  } {
    const { length } = this
    return {
      values: this.#values.subarray(0, length),
      timestamps: this.#timestamps?.subarray(0, length) ?? null,
      exemplars: this.#exemplars,
    }
  }

  #grow(): void {
    const values = new Float64Array(2 * this.length)
    values.set(this.#values)
    this.#values = values
    if (!this.#timestamps) return
    const timestamps = new Float64Array(values.length).fill(Number.NaN)
    timestamps.set(this.#timestamps)
    this.#timestamps = timestamps
  }
}
