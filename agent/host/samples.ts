import type { FamilySpec, SampleSink } from './collector.js'

/**
 * The samples of one collector. The series of the collection before are kept, so that a collection
 * with the same series in the same order only replaces values.
 */
export class CollectorSamples implements SampleSink {
  readonly #families: FamilySpec[] = []
  readonly #labelValues: (readonly string[])[] = []
  readonly #values: number[] = []
  #count = 0
  /** Number of series of the collection before. */
  #before = 0
  #changed = false

  get families(): readonly FamilySpec[] {
    return this.#families
  }

  /** Values of the labels of each series, in the order of the label names of its family. */
  get labelValues(): readonly (readonly string[])[] {
    return this.#labelValues
  }

  get values(): readonly number[] {
    return this.#values
  }

  /** Whether the series differ from those of the collection before. */
  get changed(): boolean {
    return this.#changed
  }

  begin(): void {
    this.#before = this.#families.length
    this.#count = 0
    this.#changed = false
  }

  put(family: FamilySpec, value: number, ...labelValues: readonly string[]): void {
    const i = this.#count++
    if (this.#families[i] !== family || !areEqual(this.#labelValues[i], labelValues)) {
      this.#families[i] = family
      this.#labelValues[i] = labelValues
      this.#changed = true
    }
    this.#values[i] = value
  }

  /** @throws Error if a series came twice */
  end(): void {
    this.#truncate(this.#count)
    if (!this.#changed) return
    const seen = new Set<string>()
    for (let i = 0; i < this.#count; i++) {
      const series = JSON.stringify([this.#families[i].name, ...this.#labelValues[i]])
      if (seen.has(series)) throw new Error(`duplicate series ${series.slice(0, 200)}`)
      seen.add(series)
    }
  }

  /** Leaves all samples of this collection out. */
  clear(): void {
    this.#count = 0
    this.#truncate(0)
    this.#changed = this.#before > 0
  }

  #truncate(count: number): void {
    if (this.#families.length === count) return
    this.#families.length = count
    this.#labelValues.length = count
    this.#values.length = count
    this.#changed = true
  }
}

const areEqual = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])
