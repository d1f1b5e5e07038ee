import { nextTurn } from '../shared/base/scheduling.js'
import { runInSlices, type Steps } from '../shared/base/steps.js'
import { exemplarOf } from '../shared/metrics/prom-client/exemplar-of.js'
import type { ExemplarJson, MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { sameShape, shapeOf } from '../shared/metrics/prom-client/shape.js'
import { place } from '../shared/publish/place.js'
import { nothingLeft, type Plan, publicationPlan } from '../shared/publish/plan.js'
import type { Sample } from '../shared/publish/sample.js'
import type { Reading } from '../shared/publish/snapshot-loop.js'
import { carriedExemplar } from '../shared/snapshot/mapping/exemplars.js'
import type { Mapping } from '../shared/snapshot/mapping/mapping.js'
import { registryMapping } from '../shared/snapshot/mapping/registry.js'
import { isOwnMetric } from './own-metrics.js'

interface RegistryPlan extends Plan {
  readonly shape: readonly unknown[]
  /** Why nothing of what an app gives can be published, or null. */
  readonly unusable: string | null
}

/**
 * Turns what a registry gives into values in the order of a layout. The layout is made, hashed and compressed only when it
 * differs from the last: comparing costs a fraction of that, and most registries stop changing minutes after the start.
 */
export class Sampler {
  #plan: RegistryPlan | null = null
  /** How often the layout was made anew. */
  layouts = 0

  /** Metrics of which something was left out since the layout was made, and why. */
  get dropped(): ReadonlyMap<string, string> {
    return this.#plan?.mapping.dropped ?? new Map()
  }

  /**
   * The values are those of the moment of the call; the rest of the work is done by `sample`, in turns of the event loop of its
   * own, since the collection has just used some of this one. One reading at a time.
   */
  read(metrics: readonly MetricJson[]): Reading {
    // A registry's values are its own objects, which count on while a layout is being made.
    const given = flatten(metrics)
    return {
      sample: async () => {
        await nextTurn()
        return this.#sample(metrics, given)
      },
    }
  }

  async #sample(metrics: readonly MetricJson[], given: Given): Promise<Sample> {
    let plan = this.#plan
    if (!plan || !(await runInSlices(sameShape(plan.shape, metrics)))) {
      plan = await runInSlices(planOf(metrics))
      this.#plan = plan
      this.layouts++
    }
    const { mapping, parts, unusable } = plan
    if (unusable) throw new Error(unusable)
    return { parts, ...arrange(given, mapping) }
  }
}

function* planOf(metrics: readonly MetricJson[]): Steps<RegistryPlan> {
  const shape = yield* shapeOf(metrics)
  const plan = yield* publicationPlan(without => registryMapping(metrics, without), false)
  return { ...plan, shape, unusable: whyUnusable(metrics, plan.mapping) }
}

/** The publisher's own metrics do not count: an app of which nothing else is left has published nothing. */
function whyUnusable(metrics: readonly MetricJson[], { order, dropped }: Mapping): string | null {
  let at = 0
  let given = 0
  for (const { name, values = [] } of metrics) {
    const to = at + values.length
    if (!isOwnMetric(name)) {
      given += values.length
      for (; at < to; at++) if (order[at] >= 0) return null
    }
    at = to
  }
  return nothingLeft(given, dropped)
}

interface Given {
  /** In the registry's order. */
  readonly values: Float64Array
  readonly exemplars: readonly { readonly at: number; readonly exemplar: ExemplarJson }[] | null
}

function flatten(metrics: readonly MetricJson[]): Given {
  let count = 0
  for (const { values } of metrics) count += values?.length ?? 0
  const flat = new Float64Array(count)
  let exemplars: { at: number; exemplar: ExemplarJson }[] | null = null
  let at = 0
  for (const metric of metrics) {
    for (const { value, exemplar } of metric.values ?? []) {
      if (exemplar) {
        exemplars ??= []
        exemplars.push({ at, exemplar: { ...exemplar } })
      }
      flat[at++] = typeof value === 'number' ? value : numberOf(value)
    }
  }
  return { values: flat, exemplars }
}

/** Of what JavaScript takes for a number, as prom-client prints it; NaN of anything else. */
function numberOf(value: unknown): number {
  return typeof value === 'string' || typeof value === 'bigint' ? Number(value) : Number.NaN
}

function arrange(given: Given, mapping: Mapping): Omit<Sample, 'parts'> {
  const values = place(mapping, given.values)
  const exemplars = given.exemplars?.flatMap(({ at, exemplar }) => {
    const read = exemplarOf(exemplar)
    return (read && carriedExemplar(mapping.order[at], read)) ?? []
  })
  return { values, timestamps: null, exemplars: exemplars?.length ? exemplars : null }
}
