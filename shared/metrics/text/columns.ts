import type { Exemplar } from '../model.js'
import type { FamilyDraft } from './families.js'
import type { ExemplarDraft } from './tail.js'

const FIRST_CAPACITY = 64

/**
 * Values, timestamps and exemplars in the order of the lines, and their order by family.
 */
export class Columns {
  #values = new Float64Array(FIRST_CAPACITY)
  #timestamps: Float64Array | undefined
  readonly #families: FamilyDraft[] = []
  readonly #exemplars = new Map<number, ExemplarDraft>()

  get length(): number {
    return this.#families.length
  }

  /** @param timestamp Unix milliseconds, or NaN */
  add(
    family: FamilyDraft,
    value: number,
    timestamp: number,
    exemplar: ExemplarDraft | undefined,
  ): void {
    const index = this.#families.push(family) - 1
    if (index === this.#values.length) this.#grow()
    this.set(index, value, timestamp, exemplar)
  }

  set(index: number, value: number, timestamp: number, exemplar: ExemplarDraft | undefined): void {
    this.#values[index] = value
    if (!Number.isNaN(timestamp)) this.#timestamps ??= nothing(this.#values.length)
    if (this.#timestamps) this.#timestamps[index] = timestamp
    if (exemplar) this.#exemplars.set(index, exemplar)
    else if (this.#exemplars.size > 0) this.#exemplars.delete(index)
  }

  timestampOf(index: number): number {
    return this.#timestamps?.[index] ?? Number.NaN
  }

  /** For each series its place in the order of the families; null where it is its own. */
  order(families: readonly FamilyDraft[]): Int32Array | null {
    const next = new Int32Array(families.length)
    for (let f = 1; f < families.length; f++) next[f] = next[f - 1] + families[f - 1].series.length
    const order = new Int32Array(this.length)
    let same = true
    for (let i = 0; i < order.length; i++) {
      order[i] = next[this.#families[i].index]++
      if (order[i] !== i) same = false
    }
    return same ? null : order
  }

  values(order: Int32Array | null): Float64Array {
    return arranged(this.#values, this.length, order)
  }

  timestamps(order: Int32Array | null): Float64Array | null {
    return this.#timestamps ? arranged(this.#timestamps, this.length, order).map(Math.round) : null
  }

  exemplars(order: Int32Array | null): readonly Exemplar[] | null {
    if (this.#exemplars.size === 0) return null
    return [...this.#exemplars]
      .map(([index, exemplar]) => ({ series: order ? order[index] : index, ...exemplar }))
      .sort((a, b) => a.series - b.series)
  }

  #grow(): void {
    const values = new Float64Array(2 * this.#values.length)
    values.set(this.#values)
    this.#values = values
    if (!this.#timestamps) return
    const timestamps = nothing(values.length)
    timestamps.set(this.#timestamps)
    this.#timestamps = timestamps
  }
}

const nothing = (length: number) => new Float64Array(length).fill(Number.NaN)

function arranged(column: Float64Array, length: number, order: Int32Array | null): Float64Array {
  if (!order) return column.slice(0, length)
  const result = new Float64Array(length)
  for (let i = 0; i < length; i++) result[order[i]] = column[i]
  return result
}
