import { runInSlices, type Steps } from '../../shared/base/steps.js'
import type { Family, Label, SampleSuffix, Series } from '../../shared/metrics/model.js'
import { place } from '../../shared/publish/place.js'
import { type Plan, publicationPlan } from '../../shared/publish/plan.js'
import type { Sample } from '../../shared/publish/sample.js'
import { mapSources } from '../../shared/snapshot/mapping/sources.js'
import {
  PUSH_FAILURE_TIME,
  PUSH_FAILURE_TIME_HELP,
  PUSH_TIME,
  PUSH_TIME_HELP,
} from '../state/group.js'
import { parseSeries, textsOf } from '../state/series-text.js'
import type { HeldFamily, HeldGroup } from '../state/view.js'

const SERIES_PER_STEP = 100

/**
 * Makes samples of one push group: its series without the labels of the target, and its two push
 * times. While the series are the same, only values are copied.
 */
export class GroupSampler {
  #families: readonly HeldFamily[] = []
  #plan: Plan | undefined

  /** @param labels labels of the target */
  constructor(private readonly labels: readonly Label[]) {}

  /** Number of series that cannot be published. */
  get dropped(): number {
    let dropped = 0
    for (const count of this.#plan?.mapping.droppedSeries.values() ?? []) dropped += count
    return dropped
  }

  async sample(group: HeldGroup): Promise<Sample> {
    const families = [...group.families.values()]
    if (!this.#plan || !areSame(this.#families, families)) {
      this.#plan = await runInSlices(this.#planOf(families))
      this.#families = families
    }
    const { mapping, parts } = this.#plan
    return {
      parts,
      values: place(mapping, valuesOf(group, families)),
      timestamps: null,
      exemplars: null,
    }
  }

  *#planOf(held: readonly HeldFamily[]): Steps<Plan> {
    const names = new Set(this.labels.map(({ name }) => name))
    const families: Family[] = []
    for (const family of held) families.push(yield* familyOf(family, names))
    families.push(
      pushTime(PUSH_TIME, PUSH_TIME_HELP),
      pushTime(PUSH_FAILURE_TIME, PUSH_FAILURE_TIME_HELP),
    )
    return yield* publicationPlan(without => mapSources([{ families }], without), false)
  }
}

function pushTime(name: string, help: string): Family {
  return { name, type: 'gauge', help, unit: '', series: [{ suffix: '', labels: [] }] }
}

function* familyOf(family: HeldFamily, targetNames: ReadonlySet<string>): Steps<Family> {
  const { name, type, help } = family
  const list: Series[] = []
  for (const text of textsOf(family)) {
    const sample = parseSeries(text)
    list.push({
      suffix: sample.name.slice(name.length) as SampleSuffix,
      labels: sample.labels.filter(
        label => !targetNames.has(label.name) && !(label.name === 'instance' && label.value === ''),
      ),
    })
    if (list.length % SERIES_PER_STEP === 0) yield
  }
  return { name, type, help, unit: '', series: list }
}

function areSame(before: readonly HeldFamily[], now: readonly HeldFamily[]): boolean {
  return (
    before.length === now.length &&
    now.every((family, i) => {
      const { name, type, help, series } = before[i]
      return (
        family.series === series &&
        family.name === name &&
        family.type === type &&
        family.help === help
      )
    })
  )
}

function valuesOf(group: HeldGroup, families: readonly HeldFamily[]): Float64Array {
  const values = new Float64Array(group.samples + 2)
  let at = 0
  for (const family of families) {
    values.set(family.values, at)
    at += family.values.length
  }
  values[at] = group.pushedAt / 1000
  values[at + 1] = group.failedAt / 1000
  return values
}
