import type { ConnectionOptions } from 'node:tls'
import type { Logger } from '../shared/base/logger.js'
import type { KafkaConfig } from '../shared/kafka/types.js'
import { parseAddress } from '../shared/kafka/wire/cluster.js'
import { sortLabels } from '../shared/metrics/labels.js'
import type { Label } from '../shared/metrics/model.js'
import { RefusedError } from '../shared/snapshot/errors.js'
import { targetKey } from '../shared/snapshot/key.js'
import type { LayoutCompression } from '../shared/snapshot/layout-compression.js'
import { validateTarget } from '../shared/snapshot/validate.js'
import { ClusterSource } from './cluster/cluster-source.js'
import { defaultInstance } from './default-instance.js'
import type { MetricSource } from './source.js'

export interface PublisherOptions {
  /**
   * A prom-client registry, a function that returns metrics or an exposition, the workers of a
   * cluster, or a list of them. See `CollectFunction` and `clusterSource`.
   */
  readonly register: MetricSource
  /** Bootstrap brokers as `host:port`: a list, or one string with commas. Default port: 9092. */
  readonly brokers: readonly string[] | string
  /** The `job` label of the target. */
  readonly job: string
  /**
   * The `instance` label of the target. Default: the host name, and in a worker of `node:cluster`
   * its id after a hyphen. Must be set if several other instances of a job run on one host.
   */
  readonly instance?: string
  /** Additional target labels. Publishers with equal labels are the same target. */
  readonly labels?: Readonly<Record<string, string>>
  /**
   * Collection interval, from 1 s to 2 m: a duration such as '15s' or '1m', or a number of
   * milliseconds. Default: '15s'.
   */
  readonly interval?: string | number
  /** Topic for snapshots. Default: `metrics.snapshots`. */
  readonly topic?: string
  /** TLS to the brokers: true, or options of Node's `tls.connect`. Default: no TLS. */
  readonly ssl?: boolean | ConnectionOptions
  /** SASL mechanism, user name and password. Default: no authentication. */
  readonly sasl?: KafkaConfig['sasl']
  /**
   * How names and labels are compressed: with a dictionary of common ones, or with gzip, which
   * exposers of any version read. Default: 'dictionary'.
   */
  readonly layoutCompression?: 'dictionary' | 'gzip'
  /** Receives log messages. Default: warnings and errors are written to the console. */
  readonly logger?: Logger
}

export interface Settings {
  readonly register: MetricSource
  readonly kafka: KafkaConfig
  readonly target: readonly Label[]
  readonly key: Buffer
  readonly intervalMs: number
  readonly topic: string
  readonly layoutCompression: LayoutCompression
  readonly logger: Logger
}

/** @throws TypeError that lists all invalid options */
export function settingsOf(options: PublisherOptions): Settings {
  const problems: string[] = []
  const check = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`)
      return undefined
    }
  }
  const given = options ?? {}
  check('register', () => checkSource(given.register))
  const brokers = check('brokers', () => brokersOf(given.brokers))
  const intervalMs = check('interval', () => intervalOf(given.interval ?? 15_000))
  const target = check('job, instance, labels', () => targetOf(given))
  const topic = check('topic', () => topicOf(given.topic ?? 'metrics.snapshots'))
  const layoutCompression = check('layoutCompression', () =>
    compressionOf(given.layoutCompression ?? 'dictionary'),
  )
  check('sasl', () => checkSasl(given.sasl))
  check('logger', () => checkLogger(given.logger))
  if (problems.length > 0) throw new TypeError(`createPublisher: ${problems.join('; ')}`)
  return {
    register: given.register,
    kafka: {
      brokers: brokers!,
      clientId: 'kafka-exposer-publisher',
      ssl: given.ssl,
      sasl: given.sasl,
    },
    target: target!,
    key: targetKey(target!),
    intervalMs: intervalMs!,
    topic: topic!,
    layoutCompression: layoutCompression!,
    logger: given.logger ?? consoleLogger,
  }
}

function checkSource(source: unknown): void {
  const sources = Array.isArray(source) ? source : [source]
  if (sources.length === 0) throw new Error('is empty; pass a prom-client registry')
  for (const item of sources) {
    if (typeof item === 'function' || typeof item?.getMetricsAsJSON === 'function') continue
    if (item instanceof ClusterSource) continue
    throw new Error('is not a prom-client registry; pass a registry, a function, or a list of both')
  }
}

function brokersOf(brokers: unknown): string[] {
  const list = (
    typeof brokers === 'string' ? brokers.split(',') : Array.isArray(brokers) ? brokers : []
  ).map(b => String(b).trim())
  // A trailing comma is ignored.
  if (typeof brokers === 'string' && list.length > 1 && list.at(-1) === '') list.pop()
  if (list.length === 0 || list.some(broker => broker === ''))
    throw new Error('pass at least one broker as host:port')
  for (const broker of list) parseAddress(broker)
  return list
}

/** Checks the name as Kafka's brokers do. */
function topicOf(topic: unknown): string {
  if (
    typeof topic !== 'string' ||
    !/^[a-zA-Z0-9._-]{1,249}$/.test(topic) ||
    topic === '.' ||
    topic === '..'
  )
    throw new Error(
      `${JSON.stringify(topic)} is not a topic name; use 1 to 249 letters, digits, and . _ -`,
    )
  return topic
}

function compressionOf(compression: unknown): LayoutCompression {
  if (compression === 'dictionary' || compression === 'gzip') return compression
  throw new Error(`is ${JSON.stringify(compression)}; use 'dictionary' or 'gzip'`)
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']

function checkSasl(sasl: PublisherOptions['sasl']): void {
  if (sasl === undefined || sasl === null) return
  if (!MECHANISMS.includes(sasl.mechanism))
    throw new Error(`mechanism must be one of ${MECHANISMS.join(', ')}`)
  if (sasl.mechanism === 'oauthbearer') {
    if (typeof sasl.token !== 'function')
      throw new Error(
        'token must be a function; pass clientCredentials({ tokenUrl, … }) or your own',
      )
  } else if (typeof sasl.username !== 'string' || typeof sasl.password !== 'string')
    throw new Error('username and password must be strings')
}

function checkLogger(logger: unknown): void {
  if (logger === undefined || logger === null) return
  const levels = ['debug', 'info', 'warn', 'error'] as const
  const missing = levels.filter(level => typeof (logger as Logger)[level] !== 'function')
  if (missing.length > 0)
    throw new Error(`has no method ${missing.join(', ')}; pass a logger such as console or pino`)
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }

function intervalOf(interval: string | number): number {
  const match = /^(\d+)(ms|s|m)$/.exec(String(interval))
  const ms =
    typeof interval === 'number'
      ? interval
      : match
        ? Number(match[1]) * UNITS[match[2]]
        : Number.NaN
  if (!Number.isInteger(ms))
    throw new Error(`${JSON.stringify(interval)} is not a duration such as '15s'`)
  if (ms < 1000 || ms > 120_000)
    throw new Error(`${JSON.stringify(interval)} is not between 1s and 2m`)
  return ms
}

function targetOf({ job, instance, labels }: PublisherOptions): Label[] {
  for (const name of ['job', 'instance']) {
    if (labels && Object.hasOwn(labels, name))
      throw new Error(`labels must not contain ${name}; set the option ${name}`)
  }
  // A value from the environment may be missing. An empty job fails validation below.
  const target = sortLabels({ ...labels, job: job ?? '', instance: instance ?? defaultInstance() })
  for (const { name, value } of target)
    if (typeof value !== 'string')
      throw new Error(`${name} is ${JSON.stringify(value)}; it must be a string`)
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
