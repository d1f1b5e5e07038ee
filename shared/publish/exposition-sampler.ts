import { runInSlices } from '../base/steps.js'
import type { Exemplar, Exposition, Family } from '../metrics/model.js'
import { carriedExemplar } from '../snapshot/mapping/exemplars.js'
import type { DropReason, Mapping } from '../snapshot/mapping/mapping.js'
import { mapSources } from '../snapshot/mapping/sources.js'
import { place, placeTimestamps } from './place.js'
import { type Plan, publicationPlan, unpublishableReason } from './plan.js'
import type { Sample } from './sample.js'

interface ExpositionPlan extends Plan {
  /** The families from which the layout was built, compared by identity. */
  readonly families: readonly Family[]
  /** Whether the size of the parts allows for timestamps. */
  readonly timestamps: boolean
}

/**
 * Maps expositions of one source to samples. While the reader returns the same families, this is
 * one pass over the values. For programs that publish for other processes; prom-client registries
 * are mapped without the metric model.
 */
export class ExpositionSampler {
  #plan: ExpositionPlan | null = null
  /** Number of layouts built. */
  layouts = 0
  /**
   * Number of exemplars dropped so far: labels of more than 128 characters, a NUL, or a series that
   * is dropped.
   */
  droppedExemplars = 0

  /**
   * Metric families of the current layout that are dropped in whole or in part, with the reason.
   */
  get dropped(): ReadonlyMap<string, string> {
    return this.#plan?.mapping.dropped ?? new Map()
  }

  /** Number of series missing from the current layout, by reason. */
  get droppedSeries(): ReadonlyMap<DropReason, number> {
    return this.#plan?.mapping.droppedSeries ?? new Map()
  }

  /**
   * Builds the layout in slices if the families have changed. One call at a time.
   *
   * @throws Error if there are series and none can be published
   */
  async sample(exposition: Exposition): Promise<Sample> {
    const { families } = exposition
    const timestamps = exposition.timestamps !== null
    let plan = this.#plan
    if (!plan || plan.families !== families || (timestamps && !plan.timestamps)) {
      const steps = publicationPlan(without => mapSources([{ families }], without), timestamps)
      plan = { families, timestamps, ...(await runInSlices(steps)) }
      this.#plan = plan
      this.layouts++
    }
    const { mapping, parts } = plan
    const reason =
      mapping.series === 0 ? unpublishableReason(mapping.order.length, mapping.dropped) : null
    if (reason) throw new Error(reason)
    return {
      parts,
      values: place(mapping, exposition.values),
      timestamps: exposition.timestamps && placeTimestamps(mapping, exposition.timestamps),
      exemplars: exposition.exemplars && this.#exemplars(mapping, exposition.exemplars),
    }
  }

  #exemplars({ order }: Mapping, exemplars: readonly Exemplar[]): readonly Exemplar[] | null {
    const carried: Exemplar[] = []
    for (const exemplar of exemplars) {
      const mapped = carriedExemplar(order[exemplar.series], exemplar)
      if (mapped) carried.push(mapped)
      else this.droppedExemplars++
    }
    return carried.length > 0 ? carried : null
  }
}
