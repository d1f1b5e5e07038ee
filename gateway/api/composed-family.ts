import type { Steps } from '../../shared/base/steps.js'
import { compareUtf8 } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'
import type { FamilyPlan, SplitSeries } from './family-plan.js'
import { SeriesLines } from './series-lines.js'
import type { SeriesWriter } from './series-writer.js'

/** The series of one histogram or summary, by the index of their values; -1 if it is missing. */
interface Metric {
  readonly own: readonly Label[]
  /** In the order of the body. */
  readonly bounds: Map<string, number>
  sum: number
  count: number
}

const METRICS_PER_STEP = 50
const INFINITE = '+Inf'

/**
 * The series of a histogram or summary as Pushgateway exposes them: each has a sum and a count, 0
 * by default, and each histogram the bucket `+Inf`, which is the count by default. Of a bucket that
 * occurs twice the first one is kept, as Prometheus does when it scrapes Pushgateway; of sums and
 * counts the last one.
 */
export class ComposedFamily {
  readonly number: 'le' | 'quantile'
  readonly #metrics = new Map<string, Metric>()

  constructor(private readonly type: 'histogram' | 'summary') {
    this.number = type === 'histogram' ? 'le' : 'quantile'
  }

  add({ suffix, own, bound }: SplitSeries, index: number, writer: SeriesWriter): void {
    const key = writer.labels(own)
    let metric = this.#metrics.get(key)
    if (!metric) {
      metric = { own, bounds: new Map(), sum: -1, count: -1 }
      this.#metrics.set(key, metric)
    }
    if (suffix === '_sum') metric.sum = index
    else if (suffix === '_count') metric.count = index
    else if (bound !== undefined && !metric.bounds.has(bound)) metric.bounds.set(bound, index)
  }

  /** @param length number of series in the body */
  *finish(
    line: (suffix: string, labels: string) => string,
    writer: SeriesWriter,
    length: number,
  ): Steps<Pick<FamilyPlan, 'series' | 'count' | 'sources'>> {
    const bucket = this.type === 'histogram' ? '_bucket' : ''
    const sources: number[] = []
    const lines = new SeriesLines()
    let metrics = 0
    for (const [labels, { own, bounds, sum, count }] of this.#metrics) {
      for (const [bound, index] of bounds) {
        lines.add(line(bucket, writer.labels(withLabel(own, this.number, bound))))
        sources.push(index)
      }
      if (this.type === 'histogram' && !bounds.has(INFINITE)) {
        lines.add(line(bucket, writer.labels(withLabel(own, 'le', INFINITE))))
        sources.push(count)
      }
      lines.add(line('_sum', labels) + line('_count', labels))
      sources.push(sum, count)
      if (++metrics % METRICS_PER_STEP > 0) continue
      lines.settle()
      yield
    }
    const inOrder = sources.length === length && sources.every((source, i) => source === i)
    return {
      series: lines.toString(),
      count: sources.length,
      sources: inOrder ? null : Int32Array.from(sources),
    }
  }
}

function withLabel(labels: readonly Label[], name: string, value: string): readonly Label[] {
  const at = labels.findIndex(label => compareUtf8(label.name, name) > 0)
  return labels.toSpliced(at < 0 ? labels.length : at, 0, { name, value })
}
