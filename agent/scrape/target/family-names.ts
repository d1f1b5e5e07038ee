import type {
  Family,
  Label,
  MetricType,
  SampleSuffix,
  Series,
} from '../../../shared/metrics/model.js'

interface Draft {
  readonly head: Omit<Family, 'series'>
  readonly series: Series[]
  /** Index in the page of each series. */
  readonly sources: number[]
}

/** Types of which a family may get another name: each of its series has the name of the family. */
const RENAMED_TYPES: readonly MetricType[] = ['gauge', 'counter', 'unknown']

/**
 * Files series under families by the names that they have after metric relabelling. A series whose
 * name belongs to a family of the page goes there; another name makes a family of its own.
 */
export class FamilyNames {
  readonly #drafts = new Map<string, Draft>()
  /** Family and suffix by the name of a sample. */
  readonly #owners = new Map<string, { readonly family: Family; readonly suffix: SampleSuffix }>()
  size = 0

  /** @param families of the page */
  constructor(families: readonly Family[]) {
    for (const family of families)
      for (const suffix of new Set(family.series.map(series => series.suffix)))
        this.#owners.set(family.name + suffix, { family, suffix })
  }

  /** Files a series as it is. */
  keep(family: Family, series: Series, source: number): void {
    this.#add(family, series, source)
  }

  /** Files a series with another name or other labels. */
  place(
    family: Family,
    series: Series,
    name: string,
    labels: readonly Label[],
    source: number,
  ): void {
    if (name === family.name + series.suffix) {
      this.#add(family, { suffix: series.suffix, labels }, source)
      return
    }
    const owner = this.#owners.get(name)
    if (owner) {
      this.#add(owner.family, { suffix: owner.suffix, labels }, source)
      return
    }
    const type = RENAMED_TYPES.includes(family.type) ? family.type : 'unknown'
    const renamed: Family = { name, type, help: family.help, unit: '', series: [] }
    this.#owners.set(name, { family: renamed, suffix: '' })
    this.#add(renamed, { suffix: '', labels }, source)
  }

  finish(): { families: readonly Family[]; sources: Int32Array } {
    const drafts = [...this.#drafts.values()]
    return {
      families: drafts.map(({ head, series }) => ({ ...head, series })),
      sources: Int32Array.from(drafts.flatMap(({ sources }) => sources)),
    }
  }

  #add(family: Family, series: Series, source: number): void {
    let draft = this.#drafts.get(family.name)
    if (!draft) {
      const { series: _, ...head } = family
      draft = { head, series: [], sources: [] }
      this.#drafts.set(family.name, draft)
    }
    draft.series.push(series)
    draft.sources.push(source)
    this.size++
  }
}
