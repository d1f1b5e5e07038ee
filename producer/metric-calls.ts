import { asError } from '../shared/base/as-error.js'
import { withTimeout } from '../shared/base/deadline.js'
import { nextTurn } from '../shared/base/scheduling.js'

export interface CallableMetric {
  readonly name?: unknown
  get(): unknown
}

export type MetricAnswer =
  | { readonly metric: CallableMetric; readonly json: unknown }
  | {
      readonly metric: CallableMetric
      readonly kind: 'failed' | 'timeout'
      readonly message: string
    }

/** Calls in progress beyond which only metrics are called whose last call has settled. */
const MAX_HANGING = 100

/** A turn of the event loop with so many calls takes a millisecond. */
const CALLS_PER_TURN = 2000

/**
 * Calls `get` of the metrics of one registry, each once per collection and all concurrently, as
 * prom-client does. A metric that does not answer in time is not called again until it has. What
 * hangs is bounded: by `MAX_HANGING`, and by the number of metrics that have ever answered.
 */
export class MetricCalls {
  readonly #hanging = new Set<CallableMetric>()
  readonly #settled = new WeakSet<CallableMetric>()

  /** @returns one answer for each metric, in their order; never rejects */
  async all(metrics: readonly CallableMetric[], timeoutMs: number): Promise<MetricAnswer[]> {
    const answers: (MetricAnswer | undefined)[] = metrics.map(metric => this.#unasked(metric))
    let left = 0
    let calling = true
    let finish: () => void = () => {}
    const finished = new Promise<void>(resolve => {
      finish = resolve
    })
    const settle = (at: number, answer: MetricAnswer) => {
      answers[at] ??= answer
      if (this.#hanging.size > 0) this.#hanging.delete(answer.metric)
      this.#settled.add(answer.metric)
      if (--left === 0 && !calling) finish()
    }
    const started = performance.now()
    for (const [at, metric] of metrics.entries()) {
      if (at > 0 && at % CALLS_PER_TURN === 0) await nextTurn()
      if (answers[at]) continue
      left++
      call(metric).then(
        json => settle(at, { metric, json }),
        error => settle(at, { metric, kind: 'failed', message: asError(error).message }),
      )
    }
    calling = false
    const remaining = Math.max(0, timeoutMs - (performance.now() - started))
    if (left > 0) await withTimeout(finished, remaining, 'late').catch(() => {})
    // Answers that arrive later are not used: the values may be read again in the next collection.
    return answers.map((answer, at) => answer ?? this.#late(metrics[at], timeoutMs))
  }

  /** Why the metric is not called now; undefined if it is. */
  #unasked(metric: CallableMetric): MetricAnswer | undefined {
    if (this.#hanging.has(metric))
      return { metric, kind: 'timeout', message: 'its collect function has not returned yet' }
    if (this.#hanging.size < MAX_HANGING || this.#settled.has(metric)) return undefined
    const message = `${this.#hanging.size} other collect functions have not returned yet; no new metric is collected meanwhile`
    return { metric, kind: 'timeout', message }
  }

  #late(metric: CallableMetric, timeoutMs: number): MetricAnswer {
    this.#hanging.add(metric)
    this.#settled.delete(metric)
    const message = `the metric did not answer within ${timeoutMs} ms; check whether its collect function hangs`
    return { metric, kind: 'timeout', message }
  }
}

/** `get` of prom-client is asynchronous; that of others may throw. */
function call(metric: CallableMetric): Promise<unknown> {
  try {
    return Promise.resolve(metric.get())
  } catch (error) {
    return Promise.reject(error)
  }
}
