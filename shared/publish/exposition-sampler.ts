import { runInSlices } from '../base/steps.js'
import type { Exemplar, Exposition, Family } from '../metrics/model.js'
import { carriedExemplar } from '../snapshot/mapping/exemplars.js'
import type { DropReason, Mapping } from '../snapshot/mapping/mapping.js'
import { mapSources } from '../snapshot/mapping/sources.js'
import { place, placeTimestamps } from './place.js'
import { nothingLeft, type Plan, publicationPlan } from './plan.js'
import type { Sample } from './sample.js'

interface ExpositionPlan extends Plan {
  /** Of which families, by identity. */
  readonly families: readonly Family[]
  /** Whether there is room for times in its records. */
  readonly timestamps: boolean
}

/**
 * Turns what a reader has read into what records carry: one pass over the numbers while the reader
 * gives the same families. For what is published on behalf of others; a prom-client registry goes
 * another way, without the model.
 */
export class ExpositionSampler {
  #plan: ExpositionPlan | null = null
  /** How often the layout was made anew. */
  layouts = 0
  /**
   * Exemplars that were left out so far: labels of more than 128 characters, a NUL, a series that
   * is left out.
   */
  droppedExemplars = 0

  /** Metric families of which something is left out since the layout was made, and why. */
  get dropped(): ReadonlyMap<string, string> {
    return this.#plan?.mapping.dropped ?? new Map()
  }

  /** Series that are left out since the layout was made, by reason. */
  get droppedSeries(): ReadonlyMap<DropReason, number> {
    return this.#plan?.mapping.droppedSeries ?? new Map()
  }

  /**
   * Resolves at once unless the layout has to be made, which is done in slices. One call at a time.
   *
   * @throws Error when there are series and none can be published
   */
  async sample(exposition: Exposition): Promise<Sample> {
    const { families } = exposition
    const timestamps = exposition.timestamps !== null
    let plan = this.#plan
    if (!plan || plan.families !== families || (timestamps && !plan.timestamps)) {
      const made = publicationPlan(without => mapSources([{ families }], without), timestamps)
      plan = { families, timestamps, ...(await runInSlices(made)) }
      this.#plan = plan
      this.layouts++
    }
    const { mapping, parts } = plan
    const unusable = mapping.series === 0 ? nothingLeft(mapping.order.length, mapping.dropped) : null
    if (unusable) throw new Error(unusable)
    return {
      parts,
      values: place(mapping, exposition.values),
      timestamps: exposition.timestamps && placeTimestamps(mapping, exposition.timestamps),
      exemplars: exposition.exemplars && this.#exemplars(mapping, exposition.exemplars),
    }
  }

  #exemplars({ order }: Mapping, given: readonly Exemplar[]): readonly Exemplar[] | null {
    const carried: Exemplar[] = []
    for (const exemplar of given) {
      const one = carriedExemplar(order[exemplar.series], exemplar)
      if (one) carried.push(one)
      else this.droppedExemplars++
    }
    return carried.length > 0 ? carried : null
  }
}
