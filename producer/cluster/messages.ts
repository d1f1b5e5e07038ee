import type { MetricJson } from '../../shared/metrics/prom-client/metric-json.js'
import type { SourceError } from '../source-error.js'

export const COLLECT = 'kafka-exposer:collect'
export const COLLECTED = 'kafka-exposer:collected'

/**
 * From a worker to the primary: it listens from now on. Requests that it was sent before are lost.
 */
export const READY = 'kafka-exposer:ready'

/** From the primary to a worker. */
export interface CollectMessage {
  readonly type: typeof COLLECT
  readonly id: number
  readonly timeoutMs: number
}

/** From a worker to the primary. */
export interface CollectedMessage {
  readonly type: typeof COLLECTED
  readonly id: number
  readonly metrics: readonly MetricJson[]
  /** Metrics that failed, or a source as a whole, with the reason. */
  readonly errors: readonly Pick<SourceError, 'kind' | 'metric' | 'message'>[]
}

/** Prepares metrics for a channel that knows JSON only: there, NaN would become null. */
export function sendable(metrics: readonly MetricJson[]): readonly MetricJson[] {
  return metrics.map(metric => ({
    ...metric,
    values: metric.values?.map(value =>
      Number.isFinite(value.value) ? value : { ...value, value: String(value.value) as never },
    ),
  }))
}
