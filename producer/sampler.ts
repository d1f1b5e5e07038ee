import { nextTurn } from '../shared/base/scheduling.js'
import { runInSlices, type Steps } from '../shared/base/steps.js'
import type { Family } from '../shared/metrics/model.js'
import { hasShape, shapeOf } from '../shared/metrics/prom-client/shape.js'
import { place, placeTimestamps } from '../shared/publish/place.js'
import { type Plan, publicationPlan, unpublishableReason } from '../shared/publish/plan.js'
import type { Sample } from '../shared/publish/sample.js'
import type { Reading } from '../shared/publish/snapshot-loop.js'
import type { LayoutCompression } from '../shared/snapshot/layout-compression.js'
import { carriedExemplar } from '../shared/snapshot/mapping/exemplars.js'
import type { Mapping } from '../shared/snapshot/mapping/mapping.js'
import { mapSources, seriesOf } from '../shared/snapshot/mapping/sources.js'
import { isOwnMetric } from './own-metrics.js'
import { type SourceReading, type SourceValues, valuesOf } from './source-values.js'

/**
 * The input from which a layout was built: the shape of a registry, or the families of an
 * exposition, which are compared by identity.
 */
type SourceShape =
  | { readonly metrics: readonly unknown[] }
  | { readonly families: readonly Family[] }

interface SourcesPlan extends Plan {
  readonly shapes: readonly SourceShape[]
  /** Whether the size of the parts allows for timestamps. */
  readonly timestamps: boolean
  /** Why none of the application's series can be published, or null. */
  readonly unpublishable: string | null
}

/**
 * Maps the readings of an application's sources to samples: values in layout order. The layout is
 * built, hashed and compressed only if it differs from the last one. A comparison costs a fraction
 * of that, and most registries stop changing minutes after the start.
 */
export class Sampler {
  #plan: SourcesPlan | null = null
  /** Number of layouts built. */
  layouts = 0

  constructor(private readonly compression?: LayoutCompression) {}

  /** Metrics of the current layout that are dropped in whole or in part, with the reason. */
  get dropped(): ReadonlyMap<string, string> {
    return this.#plan?.mapping.dropped ?? new Map()
  }

  /**
   * Copies the values at once. `sample` does the rest of the work in later turns of the event loop,
   * because the collection has used some of this one. One reading at a time.
   */
  read(readings: readonly SourceReading[]): Reading {
    const values = valuesOf(readings)
    return {
      sample: async () => {
        await nextTurn()
        return this.#sample(readings, values)
      },
    }
  }

  async #sample(readings: readonly SourceReading[], values: SourceValues): Promise<Sample> {
    const timestamps = values.timestamps !== null
    let plan = this.#plan
    if (
      !plan ||
      (timestamps && !plan.timestamps) ||
      !(await runInSlices(haveShapes(plan.shapes, readings)))
    ) {
      plan = await runInSlices(planOf(readings, timestamps, this.compression))
      this.#plan = plan
      this.layouts++
    }
    const { mapping, parts, unpublishable } = plan
    if (unpublishable) throw new Error(unpublishable)
    return { parts, ...inLayoutOrder(values, mapping) }
  }
}

function* planOf(
  readings: readonly SourceReading[],
  timestamps: boolean,
  compression: LayoutCompression | undefined,
): Steps<SourcesPlan> {
  const shapes: SourceShape[] = []
  for (const reading of readings)
    shapes.push(
      'metrics' in reading
        ? { metrics: yield* shapeOf(reading.metrics) }
        : { families: reading.families },
    )
  const map = (without: ReadonlyMap<string, string>) => mapSources(readings, without)
  const plan = yield* publicationPlan(map, timestamps, compression)
  return { ...plan, shapes, timestamps, unpublishable: whyUnpublishable(readings, plan.mapping) }
}

function* haveShapes(
  shapes: readonly SourceShape[],
  readings: readonly SourceReading[],
): Steps<boolean> {
  if (shapes.length !== readings.length) return false
  for (const [i, reading] of readings.entries()) {
    const shape = shapes[i]
    if ('metrics' in reading) {
      if (!('metrics' in shape) || !(yield* hasShape(shape.metrics, reading.metrics))) return false
    } else if (!('families' in shape) || shape.families !== reading.families) return false
  }
  return true
}

/** Returns null if at least one series other than the publisher's own metrics can be published. */
function whyUnpublishable(
  readings: readonly SourceReading[],
  { order, dropped }: Mapping,
): string | null {
  let at = 0
  let total = 0
  for (const { own, series } of readings.flatMap(groupsOf)) {
    const to = at + series
    if (!own) {
      total += series
      for (; at < to; at++) if (order[at] >= 0) return null
    }
    at = to
  }
  return unpublishableReason(total, dropped)
}

/** Consecutive series, of the publisher's own metrics or of the application's. */
function groupsOf(reading: SourceReading): { readonly own: boolean; readonly series: number }[] {
  if (!('metrics' in reading)) return [{ own: false, series: seriesOf(reading) }]
  return reading.metrics.map(({ name, values }) => ({
    own: isOwnMetric(name),
    series: values?.length ?? 0,
  }))
}

function inLayoutOrder(source: SourceValues, mapping: Mapping): Omit<Sample, 'parts'> {
  const exemplars = source.exemplars.flatMap(
    exemplar => carriedExemplar(mapping.order[exemplar.series], exemplar) ?? [],
  )
  return {
    values: place(mapping, source.values),
    timestamps: source.timestamps && placeTimestamps(mapping, source.timestamps),
    exemplars: exemplars.length > 0 ? exemplars : null,
  }
}
