import type { SampleSuffix } from '../model.js'
import type { FamilyDraft } from './families.js'

/** A metric name. A page has one object per name. */
export interface MetricName {
  readonly text: string
  /** From 0, in the order of the page. */
  readonly id: number
  /** The family of that name. */
  declared: FamilyDraft | undefined
  /** The family of the samples of that name. Undefined before the first sample. */
  owner: FamilyDraft | undefined
  /** What the name adds to the name of its owner. */
  suffix: SampleSuffix
}

/** The names in one page, of families and of samples. */
export class NameTable {
  readonly #names = new Map<string, MetricName>()

  find(text: string): MetricName | undefined {
    return this.#names.get(text)
  }

  get(text: string): MetricName {
    let name = this.#names.get(text)
    if (!name) {
      name = { text, id: this.#names.size, declared: undefined, owner: undefined, suffix: '' }
      this.#names.set(text, name)
    }
    return name
  }
}
