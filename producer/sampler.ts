import { type Part, planParts } from '../shared/snapshot/split.js'
import type { Exemplar } from '../shared/snapshot/types.js'
import { layoutOf, type Mapping } from './layout-of.js'
import type { ExemplarJson, MetricJson } from './source.js'

export interface Sample {
  readonly parts: readonly Part[]
  /** In the order of the layout, over all parts. */
  readonly values: Float64Array
  /** By index into `values`, or null. */
  readonly exemplars: readonly Exemplar[] | null
}

/**
 * Turns what a registry gives into values in the order of a layout. The layout is made, hashed and compressed only when it
 * differs from the last: comparing costs a fraction of that, and most registries stop changing minutes after the start.
 */
export class Sampler {
  /** What the layout was made of, as one flat list: comparing walks along it. */
  #shape: unknown[] = []
  #mapping: Mapping | null = null
  #parts: readonly Part[] = []
  /** How often the layout was made anew. */
  layouts = 0
  /** Metrics of which something was left out since the layout was made, and why. */
  get dropped(): ReadonlyMap<string, string> {
    return this.#mapping?.dropped ?? new Map()
  }

  sample(metrics: readonly MetricJson[]): Sample {
    if (!this.#mapping || !sameShape(this.#shape, metrics)) {
      this.#mapping = layoutOf(metrics)
      this.#shape = shapeOf(metrics)
      this.#parts = planParts(this.#mapping.layout)
      this.layouts++
    }
    const { order, series } = this.#mapping
    const values = new Float64Array(series)
    let exemplars: Exemplar[] | null = null
    let at = 0
    for (const metric of metrics) {
      for (const one of metric.values ?? []) {
        const index = order[at++]
        if (index < 0) continue
        values[index] = one.value
        if (!one.exemplar) continue
        const exemplar = exemplarOf(index, one.exemplar)
        if (exemplar) {
          exemplars ??= []
          exemplars.push(exemplar)
        }
      }
    }
    return { parts: this.#parts, values, exemplars }
  }
}

/** A null between values, a name before them: two lists are equal only if they say the same. */
function shapeOf(metrics: readonly MetricJson[]): unknown[] {
  const shape: unknown[] = []
  for (const metric of metrics) {
    shape.push(metric.name, metric.type, metric.help)
    for (const { metricName, labels } of metric.values ?? []) {
      shape.push(null, metricName)
      for (const name in labels) shape.push(name, labels[name])
    }
  }
  return shape
}

function sameShape(shape: readonly unknown[], metrics: readonly MetricJson[]): boolean {
  let i = 0
  for (const metric of metrics) {
    if (shape[i] !== metric.name || shape[i + 1] !== metric.type || shape[i + 2] !== metric.help) return false
    i += 3
    for (const { metricName, labels } of metric.values ?? []) {
      if (shape[i] !== null || shape[i + 1] !== metricName) return false
      i += 2
      for (const name in labels) {
        if (shape[i] !== name || shape[i + 1] !== labels[name]) return false
        i += 2
      }
    }
  }
  return i === shape.length
}

function exemplarOf(series: number, { labelSet, value, timestamp }: ExemplarJson): Exemplar | null {
  if (typeof value !== 'number' || !labelSet) return null
  const labels = Object.entries(labelSet).map(([name, text]) => ({ name, value: String(text) }))
  return { series, labels, value, timestamp: timestamp ? Math.round(timestamp * 1000) : null }
}
