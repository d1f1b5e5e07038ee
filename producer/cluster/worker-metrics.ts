import { asError } from '../../shared/base/as-error.js'
import { checkedMetrics } from '../checked-metrics.js'
import type { SourceError } from '../source-error.js'
import { type AggregatedMetric, whyNotAggregated } from './aggregate.js'
import type { CollectedMessage } from './messages.js'

/**
 * The last metrics of one worker. What fails keeps its last values: a sum without them would look
 * like a counter reset, and then like a leap.
 */
export class WorkerMetrics {
  /** The request that the worker has not answered yet; null if there is none. */
  pending: number | null = null
  #byName: ReadonlyMap<string, AggregatedMetric> = new Map()

  constructor(
    private readonly source: string,
    readonly worker: number,
  ) {}

  get metrics(): Iterable<AggregatedMetric> {
    return this.#byName.values()
  }

  /** Takes over what can be read of an answer. @returns what cannot */
  read({ metrics, errors = [] }: Partial<CollectedMessage>): SourceError[] {
    const found: SourceError[] = []
    const next = new Map<string, AggregatedMetric>()
    const leaveOut = (kind: SourceError['kind'], message: string, metric: string | undefined) => {
      found.push(this.error(kind, message, metric))
      const last = metric === undefined ? undefined : this.#byName.get(metric)
      if (last) next.set(last.name, last)
    }
    try {
      const checked = checkedMetrics(this.source, metrics)
      for (const metric of checked.metrics) {
        const reason = whyNotAggregated(metric)
        if (reason === undefined) next.set(metric.name, metric)
        else leaveOut('refused', reason, String(metric.name))
      }
      for (const { metric, message } of checked.errors) leaveOut('refused', message, metric)
      for (const { kind, metric, message } of errors)
        leaveOut(kind === 'timeout' ? kind : 'failed', String(message), metric)
      this.#byName = next
    } catch (error) {
      found.push(this.error('refused', asError(error).message))
    }
    return found
  }

  error(kind: SourceError['kind'], message: string, metric?: string): SourceError {
    return { kind, source: this.source, metric, message: `worker ${this.worker}: ${message}` }
  }
}
