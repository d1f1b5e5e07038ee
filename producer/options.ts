import { hostname } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import type { KafkaConfig, Logger } from '../shared/kafka/types.js'
import { RefusedError } from '../shared/snapshot/errors.js'
import { sortLabels, targetKey } from '../shared/snapshot/key.js'
import type { Label } from '../shared/snapshot/types.js'
import { validateTarget } from '../shared/snapshot/validate.js'
import type { MetricSource } from './source.js'

export interface PublisherOptions {
  /** prom-client's registry, several of them, or a function that returns what `getMetricsAsJSON` does. */
  readonly register: MetricSource
  /** host:port of one or more brokers. */
  readonly brokers: readonly string[] | string
  /** What kind of app this is: Prometheus's `job`. */
  readonly job: string
  /** Which one of them: Prometheus's `instance`. The host's name by default; give one where several run on a host. */
  readonly instance?: string
  /** Further labels that identify the app. Whoever has the same is the same target. */
  readonly labels?: Readonly<Record<string, string>>
  /** How often a snapshot is taken: '15s', '1m', or milliseconds; from 1 s to 2 m. 15 s by default. */
  readonly interval?: string | number
  /** `metrics.snapshots` by default. */
  readonly topic?: string
  readonly ssl?: boolean | ConnectionOptions
  readonly sasl?: KafkaConfig['sasl']
  /** Told once of what is wrong, and when it is well again. The console's warnings by default. */
  readonly logger?: Logger
}

export interface Settings {
  readonly register: MetricSource
  readonly kafka: KafkaConfig
  readonly target: readonly Label[]
  readonly key: Buffer
  readonly intervalMs: number
  readonly topic: string
  readonly logger: Logger
}

/** @throws TypeError with everything that is wrong, each naming its option */
export function settingsOf(options: PublisherOptions): Settings {
  const wrong: string[] = []
  const check = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      wrong.push(`${name}: ${(error as Error).message}`)
      return undefined
    }
  }
  check('register', () => checkSource(options.register))
  const brokers = check('brokers', () => brokersOf(options.brokers))
  const intervalMs = check('interval', () => intervalOf(options.interval ?? 15_000))
  const target = check('job, instance, labels', () => targetOf(options))
  const topic = options.topic ?? 'metrics.snapshots'
  if (topic === '') wrong.push('topic: is empty')
  if (wrong.length > 0) throw new TypeError(`createPublisher: ${wrong.join('; ')}`)
  return {
    register: options.register,
    kafka: { brokers: brokers!, clientId: 'kafka-exposer-publisher', ssl: options.ssl, sasl: options.sasl },
    target: target!,
    key: targetKey(target!),
    intervalMs: intervalMs!,
    topic,
    logger: options.logger ?? consoleLogger,
  }
}

function checkSource(source: unknown): void {
  const sources = Array.isArray(source) ? source : [source]
  if (sources.length === 0) throw new Error('is empty; give prom-client’s register')
  for (const one of sources) {
    if (typeof one === 'function' || typeof one?.getMetricsAsJSON === 'function') continue
    throw new Error('is no prom-client registry; give prom-client’s register, several, or a function')
  }
}

function brokersOf(brokers: unknown): string[] {
  const list = (typeof brokers === 'string' ? brokers.split(',') : Array.isArray(brokers) ? brokers : []).map(
    b => String(b).trim(),
  )
  if (list.length === 0 || list.some(broker => broker === ''))
    throw new Error('give at least one as host:port')
  for (const broker of list) {
    if (!/^.+:\d+$/.test(broker)) throw new Error(`${JSON.stringify(broker)} is not host:port`)
  }
  return list
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }

function intervalOf(interval: string | number): number {
  const match = /^(\d+)(ms|s|m)$/.exec(String(interval))
  const ms = typeof interval === 'number' ? interval : match ? Number(match[1]) * UNITS[match[2]] : Number.NaN
  if (!Number.isInteger(ms)) throw new Error(`${JSON.stringify(interval)} is no duration such as '15s'`)
  if (ms < 1000 || ms > 120_000) throw new Error(`${JSON.stringify(interval)} is not between 1s and 2m`)
  return ms
}

function targetOf({ job, instance, labels }: PublisherOptions): Label[] {
  for (const name of ['job', 'instance']) {
    if (labels && Object.hasOwn(labels, name))
      throw new Error(`labels may not contain ${name}; it is an option of its own`)
  }
  const target = sortLabels({ ...labels, job: String(job ?? ''), instance: instance ?? hostname() })
  try {
    validateTarget(target)
  } catch (error) {
    if (error instanceof RefusedError) throw new Error(error.message)
    throw error
  }
  return target
}

const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (message, fields) => console.warn(`kafka-exposer publisher: ${message}`, fields ?? ''),
  error: (message, fields) => console.error(`kafka-exposer publisher: ${message}`, fields ?? ''),
}
