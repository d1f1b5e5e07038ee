import { sortLabels } from '../../shared/metrics/labels.js'
import type { Exposition, Family, Series } from '../../shared/metrics/model.js'
import type { FamilySpec } from './collector.js'
import type { CollectorSamples } from './samples.js'

const NOTHING_OMITTED: ReadonlyMap<string, number> = new Map()

interface FamilyDraft {
  readonly spec: FamilySpec
  readonly series: Series[]
  /** Number of each series among the samples of all collectors. */
  readonly samples: number[]
}

/** Puts the samples of all collectors into one exposition, with the families sorted by name. */
export class ExpositionBuilder {
  #families: readonly Family[] | null = null
  /** Position of each sample in the values of the exposition. */
  #positions = new Uint32Array(0)

  constructor(private readonly collectors: readonly CollectorSamples[]) {}

  /** The families are the same object as before while no collector has changed its series. */
  build(): Exposition {
    if (this.#families === null || this.collectors.some(({ changed }) => changed)) this.#layOut()
    const values = new Float64Array(this.#positions.length)
    let sample = 0
    for (const collector of this.collectors)
      for (const value of collector.values) values[this.#positions[sample++]] = value
    return {
      families: this.#families!,
      values,
      timestamps: null,
      exemplars: null,
      omitted: NOTHING_OMITTED,
    }
  }

  #layOut(): void {
    const drafts = new Map<string, FamilyDraft>()
    let sample = 0
    for (const { families, labelValues } of this.collectors) {
      for (let i = 0; i < families.length; i++) {
        const spec = families[i]
        let draft = drafts.get(spec.name)
        if (!draft) {
          draft = { spec, series: [], samples: [] }
          drafts.set(spec.name, draft)
        }
        draft.series.push(seriesOf(spec, labelValues[i]))
        draft.samples.push(sample++)
      }
    }
    const sorted = [...drafts.values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
    this.#positions = new Uint32Array(sample)
    let position = 0
    for (const { samples } of sorted)
      for (const number of samples) this.#positions[number] = position++
    this.#families = sorted.map(({ spec: { name, type, help }, series }) => ({
      name,
      type,
      help,
      unit: '',
      series,
    }))
  }
}

const seriesOf = ({ labelNames }: FamilySpec, values: readonly string[]): Series => ({
  suffix: '',
  labels: sortLabels(labelNames.map((name, i) => ({ name, value: values[i] }))),
})
