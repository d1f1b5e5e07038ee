import type { Steps } from '../../../shared/base/steps.js'
import { goFloat } from '../../../shared/metrics/go-float.js'
import type { Label } from '../../../shared/metrics/model.js'
import { samplesOf } from '../../state/series-text.js'
import type { HeldFamily } from '../../state/view.js'

/** A metric in the format of Pushgateway's API. Numbers are texts, because JSON has no NaN. */
export interface ApiMetric {
  readonly labels: Readonly<Record<string, string>>
  value?: string
  buckets?: Record<string, string>
  quantiles?: Record<string, string>
  sum?: string
  count?: string
}

const SAMPLES_PER_STEP = 100

/** The metrics of a family that is held. */
export function* metricsOf(family: HeldFamily): Steps<ApiMetric[]> {
  return family.type === 'histogram' || family.type === 'summary'
    ? yield* composed(family)
    : yield* plain(family)
}

function* plain(family: HeldFamily): Steps<ApiMetric[]> {
  const metrics: ApiMetric[] = []
  for (const { labels, value } of samplesOf(family)) {
    metrics.push({ labels: objectOf(labels), value: goFloat(value) })
    if (metrics.length % SAMPLES_PER_STEP === 0) yield
  }
  return metrics
}

function* composed(held: HeldFamily): Steps<ApiMetric[]> {
  const { name: family, type } = held
  const [bound, values] =
    type === 'histogram' ? (['le', 'buckets'] as const) : (['quantile', 'quantiles'] as const)
  const metrics = new Map<string, ApiMetric>()
  let read = 0
  for (const { name, labels, value } of samplesOf(held)) {
    const at = labels.find(label => label.name === bound)
    const own = at ? labels.filter(label => label !== at) : labels
    const key = JSON.stringify(own)
    let metric = metrics.get(key)
    if (!metric) {
      metric = { labels: objectOf(own), [values]: {} }
      metrics.set(key, metric)
    }
    if (name === `${family}_sum`) metric.sum = goFloat(value)
    else if (name === `${family}_count`) metric.count = goFloat(value)
    else metric[values]![at?.value ?? ''] = goFloat(value)
    if (++read % SAMPLES_PER_STEP === 0) yield
  }
  return [...metrics.values()]
}

const objectOf = (labels: readonly Label[]) =>
  Object.fromEntries(labels.map(({ name, value }) => [name, value]))
