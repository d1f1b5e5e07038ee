import type { Context, Next } from 'koa'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/**
 * Koa middleware with the usual metrics of an HTTP service. The label `route` is the route pattern,
 * because paths have unbounded cardinality.
 */
export function httpMetrics(register: Registry): (context: Context, next: Next) => Promise<void> {
  const labelNames = ['method', 'route', 'status'] as const
  const registers = [register]
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Total number of HTTP requests.',
    labelNames,
    registers,
  })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests.',
    labelNames,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  })
  const inFlight = new Gauge({
    name: 'http_requests_in_flight',
    help: 'Current number of HTTP requests in flight.',
    registers,
  })
  return async (context, next) => {
    const start = performance.now()
    inFlight.inc()
    try {
      await next()
    } finally {
      inFlight.dec()
      const route: string = context.routerPath ?? context._matchedRoute ?? 'none'
      const labels = { method: context.method, route, status: String(context.status) }
      requests.inc(labels)
      duration.observe(labels, (performance.now() - start) / 1000)
    }
  }
}
