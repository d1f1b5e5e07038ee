import { nextTurn } from '../shared/base/scheduling.js'
import { runInSlices, type Steps } from '../shared/base/steps.js'
import type { Family } from '../shared/metrics/model.js'
import { sameShape, shapeOf } from '../shared/metrics/prom-client/shape.js'
import { place, placeTimestamps } from '../shared/publish/place.js'
import { nothingLeft, type Plan, publicationPlan } from '../shared/publish/plan.js'
import type { Sample } from '../shared/publish/sample.js'
import type { Reading } from '../shared/publish/snapshot-loop.js'
import { carriedExemplar } from '../shared/snapshot/mapping/exemplars.js'
import type { Mapping } from '../shared/snapshot/mapping/mapping.js'
import { mapSources, seriesOf } from '../shared/snapshot/mapping/sources.js'
import { type Given, givenBy, type SourceReading } from './given.js'
import { isOwnMetric } from './own-metrics.js'

/** What a layout was made of: of a registry its shape, of an exposition its families by identity. */
type SourceShape = { readonly metrics: readonly unknown[] } | { readonly families: readonly Family[] }

interface SourcesPlan extends Plan {
  readonly shapes: readonly SourceShape[]
  /** Whether there is room for timestamps in its records. */
  readonly timestamps: boolean
  /** Why nothing of what an app gives can be published, or null. */
  readonly unusable: string | null
}

/**
 * Turns what the sources of an app give into values in the order of a layout. The layout is made,
 * hashed and compressed only when it differs from the last: comparing costs a fraction of that, and
 * most registries stop changing minutes after the start.
 */
export class Sampler {
  #plan: SourcesPlan | null = null
  /** How often the layout was made anew. */
  layouts = 0

  /** Metrics of which something was left out since the layout was made, and why. */
  get dropped(): ReadonlyMap<string, string> {
    return this.#plan?.mapping.dropped ?? new Map()
  }

  /**
   * The values are those of the moment of the call; the rest of the work is done by `sample`, in
   * turns of the event loop of its own, since the collection has just used some of this one. One
   * reading at a time.
   */
  read(readings: readonly SourceReading[]): Reading {
    const given = givenBy(readings)
    return {
      sample: async () => {
        await nextTurn()
        return this.#sample(readings, given)
      },
    }
  }

  async #sample(readings: readonly SourceReading[], given: Given): Promise<Sample> {
    const timestamps = given.timestamps !== null
    let plan = this.#plan
    if (
      !plan ||
      (timestamps && !plan.timestamps) ||
      !(await runInSlices(sameShapes(plan.shapes, readings)))
    ) {
      plan = await runInSlices(planOf(readings, timestamps))
      this.#plan = plan
      this.layouts++
    }
    const { mapping, parts, unusable } = plan
    if (unusable) throw new Error(unusable)
    return { parts, ...arrange(given, mapping) }
  }
}

function* planOf(readings: readonly SourceReading[], timestamps: boolean): Steps<SourcesPlan> {
  const shapes: SourceShape[] = []
  for (const reading of readings)
    shapes.push(
      'metrics' in reading ? { metrics: yield* shapeOf(reading.metrics) } : { families: reading.families },
    )
  const plan = yield* publicationPlan(without => mapSources(readings, without), timestamps)
  return { ...plan, shapes, timestamps, unusable: whyUnusable(readings, plan.mapping) }
}

function* sameShapes(shapes: readonly SourceShape[], readings: readonly SourceReading[]): Steps<boolean> {
  if (shapes.length !== readings.length) return false
  for (const [i, reading] of readings.entries()) {
    const shape = shapes[i]
    if ('metrics' in reading) {
      if (!('metrics' in shape) || !(yield* sameShape(shape.metrics, reading.metrics))) return false
    } else if (!('families' in shape) || shape.families !== reading.families) return false
  }
  return true
}

/**
 * The publisher's own metrics do not count: an app of which nothing else is left has published
 * nothing.
 */
function whyUnusable(readings: readonly SourceReading[], { order, dropped }: Mapping): string | null {
  let at = 0
  let given = 0
  for (const { own, series } of readings.flatMap(groupsOf)) {
    const to = at + series
    if (!own) {
      given += series
      for (; at < to; at++) if (order[at] >= 0) return null
    }
    at = to
  }
  return nothingLeft(given, dropped)
}

/** Runs of series, each the publisher's own or an app's. */
function groupsOf(reading: SourceReading): { readonly own: boolean; readonly series: number }[] {
  if (!('metrics' in reading)) return [{ own: false, series: seriesOf(reading) }]
  return reading.metrics.map(({ name, values }) => ({
    own: isOwnMetric(name),
    series: values?.length ?? 0,
  }))
}

function arrange(given: Given, mapping: Mapping): Omit<Sample, 'parts'> {
  const exemplars = given.exemplars.flatMap(
    exemplar => carriedExemplar(mapping.order[exemplar.series], exemplar) ?? [],
  )
  return {
    values: place(mapping, given.values),
    timestamps: given.timestamps && placeTimestamps(mapping, given.timestamps),
    exemplars: exemplars.length > 0 ? exemplars : null,
  }
}
