import { Counter, Gauge, type Registry } from 'prom-client'
import { CellHistogram } from '../base/cell-histogram.js'
import type { Clock } from '../base/clock.js'
import type { Exchange } from './exchange.js'
import { ClientGone, Refusal } from './refusal.js'

interface Named {
  readonly name: string
  readonly help: string
}

/** Names and help texts of the request metrics of a program. */
export interface RequestMetricNames {
  /** Label for the name of the handler. */
  readonly label: string
  readonly duration: Named
  readonly inFlight: Named
  /** Also has the label `code`. */
  readonly total: Named
}

/** Is notified of each request. `R` is the result of its handler. */
export interface RequestObserver<R> {
  begun(handler: string): void
  /** @param result undefined when the handler failed */
  ended(handler: string, code: number, seconds: number, result: R | undefined): void
}

interface HandlerCounts {
  inFlight: number
  readonly answered: Map<number, number>
}

const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * Metrics of requests by handler: duration, requests in flight, requests by status code. Counted in
 * plain numbers, which become metrics when the registry collects: cheaper than prom-client's own.
 */
export class RequestMetrics implements RequestObserver<unknown> {
  /** Requests in flight of all handlers. */
  inFlight = 0
  readonly #duration
  readonly #handlers = new Map<string, HandlerCounts>()

  constructor(registry: Registry, { label, duration, inFlight, total }: RequestMetricNames) {
    const handlers = this.#handlers
    this.#duration = new CellHistogram(
      duration.name,
      duration.help,
      { name: label, values: [] as string[] },
      DURATION_BOUNDS,
    ).register(registry)
    new Gauge({
      ...inFlight,
      labelNames: [label],
      registers: [registry],
      collect() {
        for (const [handler, counts] of handlers) this.set({ [label]: handler }, counts.inFlight)
      },
    })
    new Counter({
      ...total,
      labelNames: [label, 'code'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [handler, { answered }] of handlers) {
          for (const [code, count] of answered) this.inc({ [label]: handler, code }, count)
        }
      },
    })
  }

  begun(handler: string): void {
    this.inFlight++
    const counts = this.#handlers.get(handler)
    if (counts) counts.inFlight++
    else this.#handlers.set(handler, { inFlight: 1, answered: new Map() })
  }

  ended(handler: string, code: number, seconds: number): void {
    this.inFlight--
    const counts = this.#handlers.get(handler)!
    counts.inFlight--
    counts.answered.set(code, (counts.answered.get(code) ?? 0) + 1)
    this.#duration.observe(handler, seconds)
  }
}

/** Wraps a handler so that an observer is notified of its requests. */
export function observed<C extends Exchange, R>(
  name: string,
  { observer, clock }: { readonly observer: RequestObserver<R>; readonly clock: Clock },
  handler: (exchange: C) => Promise<R>,
): (exchange: C) => Promise<void> {
  return async exchange => {
    const begun = clock.now().mono
    observer.begun(name)
    let result: R | undefined
    let code = 500
    try {
      result = await handler(exchange)
      code = exchange.status
    } catch (error) {
      if (error instanceof Refusal || error instanceof ClientGone) code = error.status
      throw error
    } finally {
      observer.ended(name, code, (clock.now().mono - begun) / 1000, result)
    }
  }
}
