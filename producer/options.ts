import { hostname } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import type { Logger } from '../shared/base/logger.js'
import type { KafkaConfig } from '../shared/kafka/types.js'
import { parseAddress } from '../shared/kafka/wire/cluster.js'
import { sortLabels } from '../shared/metrics/labels.js'
import type { Label } from '../shared/metrics/model.js'
import { RefusedError } from '../shared/snapshot/errors.js'
import { targetKey } from '../shared/snapshot/key.js'
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
  const given = options ?? {}
  check('register', () => checkSource(given.register))
  const brokers = check('brokers', () => brokersOf(given.brokers))
  const intervalMs = check('interval', () => intervalOf(given.interval ?? 15_000))
  const target = check('job, instance, labels', () => targetOf(given))
  const topic = check('topic', () => topicOf(given.topic ?? 'metrics.snapshots'))
  check('sasl', () => checkSasl(given.sasl))
  check('logger', () => checkLogger(given.logger))
  if (wrong.length > 0) throw new TypeError(`createPublisher: ${wrong.join('; ')}`)
  return {
    register: given.register,
    kafka: { brokers: brokers!, clientId: 'kafka-exposer-publisher', ssl: given.ssl, sasl: given.sasl },
    target: target!,
    key: targetKey(target!),
    intervalMs: intervalMs!,
    topic: topic!,
    logger: given.logger ?? consoleLogger,
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
  for (const broker of list) parseAddress(broker)
  return list
}

/** As Kafka's brokers check it. */
function topicOf(topic: unknown): string {
  if (typeof topic !== 'string' || !/^[a-zA-Z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..')
    throw new Error(`${JSON.stringify(topic)} is no name of a topic: letters, digits, . _ - and at most 249`)
  return topic
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512']

function checkSasl(sasl: PublisherOptions['sasl']): void {
  if (sasl === undefined || sasl === null) return
  if (!MECHANISMS.includes(sasl.mechanism))
    throw new Error(`mechanism must be one of ${MECHANISMS.join(', ')}`)
  if (typeof sasl.username !== 'string' || typeof sasl.password !== 'string')
    throw new Error('give username and password as text')
}

function checkLogger(logger: unknown): void {
  if (logger === undefined || logger === null) return
  const levels = ['debug', 'info', 'warn', 'error'] as const
  const missing = levels.filter(level => typeof (logger as Logger)[level] !== 'function')
  if (missing.length > 0) throw new Error(`has no ${missing.join(', ')}; console and pino have all`)
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
  // What comes from an environment may be missing: a target without its job would be another target.
  const target = sortLabels({ ...labels, job: job ?? '', instance: instance ?? hostname() })
  for (const { name, value } of target)
    if (typeof value !== 'string') throw new Error(`${name} is ${JSON.stringify(value)}; give text`)
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
