import { Counter, Gauge, Registry } from 'prom-client'
import { CellHistogram } from '../../shared/base/cell-histogram.js'
import { metricsText, registerProgramMetrics } from '../../shared/http/program-metrics.js'
import { RequestMetrics } from '../../shared/http/request-metrics.js'
import type { Held } from '../state/view.js'

/** What the gateway holds and does, read at each collection. */
export interface TelemetrySource {
  readonly held: () => Held
  readonly ready: () => boolean
  /** Requests in progress that change something. */
  readonly inProgress: () => number
  /** Memory of request bodies, bytes. */
  readonly bodyBytes: () => number
  /** Memory of the texts that are kept for the next push of a group, bytes. */
  readonly readerBytes: () => number
  readonly memoryLimit: number
}

const DURATION = {
  name: 'gateway_http_request_duration_seconds',
  help: 'Time from request to response by handler.',
}

/** The gateway's own metrics. All names have the prefix `gateway_`, except those of the process. */
export class Telemetry {
  readonly registry = new Registry()
  readonly requests = new RequestMetrics(this.registry, {
    label: 'handler',
    duration: DURATION,
    inFlight: {
      name: 'gateway_http_requests_in_flight',
      help: 'Number of requests in progress by handler.',
    },
    total: {
      name: 'gateway_http_requests_total',
      help: 'Total number of completed requests by handler and status code.',
    },
  })
  readonly pushBytes = new CellHistogram<''>(
    'gateway_push_size_bytes',
    'Size of the bodies of pushes, decoded.',
    null,
    [100, 1e3, 1e4, 1e5, 1e6, 1e7],
  ).register(this.registry)
  readonly refused = new Counter({
    name: 'gateway_pushes_refused_total',
    help: 'Total number of requests to change something that were refused, by reason.',
    labelNames: ['reason'],
    registers: [this.registry],
  })

  constructor(version: string) {
    registerProgramMetrics(this.registry, 'gateway', version)
  }

  /** All metrics in text format 0.0.4, without samples that are NaN. */
  text(): Promise<string> {
    return metricsText(this.registry)
  }

  /** Adds the metrics that are read from the gateway at each collection. */
  watch(source: TelemetrySource): void {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read())
        },
      })
    gauge('gateway_ready', 'Whether the gateway serves requests.', () => Number(source.ready()))
    gauge('gateway_groups', 'Number of push groups.', () => source.held().groups)
    gauge(
      'gateway_samples',
      'Number of samples of all push groups and ingested series.',
      () => source.held().samples,
    )
    gauge(
      'gateway_ingested_series',
      'Number of series that were ingested one by one.',
      () => source.held().ingested,
    )
    gauge(
      'gateway_conflicting_samples',
      'Number of samples that are left out of /metrics because of a conflict with others.',
      () => source.held().conflicts,
    )
    gauge(
      'gateway_held_bytes',
      'Estimate of the memory of push groups and ingested series.',
      () => source.held().bytes,
    )
    gauge(
      'gateway_memory_limit_bytes',
      'Memory for push groups and ingested series.',
      () => source.memoryLimit,
    )
    gauge(
      'gateway_pushes_in_progress',
      'Number of requests that wait for Kafka or Redis.',
      source.inProgress,
    )
    gauge('gateway_request_body_bytes', 'Memory of request bodies.', source.bodyBytes)
    gauge(
      'gateway_reader_bytes',
      'Memory of the names and labels that are kept for the next push of a group.',
      source.readerBytes,
    )
  }
}
