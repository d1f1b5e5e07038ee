import type { GatewayConfig } from '../../gateway/server/config.js'
import { hostPort } from '../../shared/base/flags/builders.js'
import { formatDuration } from '../../shared/base/flags/duration.js'
import type { Problem, Values } from '../../shared/base/flags/types.js'
import { checkWebConfig } from '../../shared/http/flags.js'
import { kafkaProblems } from '../../shared/kafka/flags.js'
import { DEFAULT_LIMITS } from '../../shared/metrics/limits.js'
import { seriesLimits } from '../limits.js'
import { memoryLimits, processMemory } from '../memory.js'
import { type ConfigFile, readConfigFile } from './config-file.js'
import type { gatewayFlags } from './flags.js'
import { readRedisFile } from './redis-file.js'

export type GatewayValues = Values<typeof gatewayFlags>

/**
 * The flags with what the file of PushGatewayRedis has instead of them.
 *
 * @param file is valid
 */
export function withConfigFile(values: GatewayValues, file: ConfigFile): GatewayValues {
  const { redis = {} } = file
  const endpoints = redis.endpoint
    ?.split(',')
    .map(text => (text.startsWith(':') ? `localhost${text}` : text))
  return {
    ...values,
    port: file.port ?? values.port,
    'metrics.path': file.metrics_path ?? values['metrics.path'],
    'telemetry.path': file.telemetry_path ?? values['telemetry.path'],
    'ingest.path': file.ingest_path ?? values['ingest.path'],
    'tls.enabled': file.tls_enabled ?? values['tls.enabled'],
    'tls.key': file.tls_key_path ?? values['tls.key'],
    'tls.cert': file.tls_cert_path ?? values['tls.cert'],
    'redis.endpoint': endpoints ?? values['redis.endpoint'],
    'redis.sentinel-master': redis.master_name ?? values['redis.sentinel-master'],
    'redis.mode': redis.master_name ? 'sentinel' : values['redis.mode'],
    'redis.timeout': redis.timeout || values['redis.timeout'],
    'redis.expiration': redis.expiration ?? values['redis.expiration'],
    'redis.database': redis.db ?? values['redis.database'],
  }
}

/** What tells targets of remote write apart: of one agent, and agents of one another. */
const TARGET_LABELS = ['job', 'instance', 'cluster', 'prometheus', 'prometheus_replica']

/** The configuration without the store. */
export function gatewayConfig(values: GatewayValues): GatewayConfig {
  const memory = memoryLimits(values['memory.limit'], processMemory())
  return {
    listen:
      values.port === undefined
        ? values['web.listen-address']
        : { host: undefined, port: values.port },
    externalUrl: values['web.external-url'],
    routePrefix: values['web.route-prefix'],
    paths: {
      metrics: values['web.telemetry-path'] ?? values['metrics.path'],
      telemetry: values['telemetry.path'],
      ingest: values['ingest.path'],
    },
    maxConnections: values['web.max-connections'],
    maxRequests: values['web.max-requests'],
    web: values['tls.enabled']
      ? { cert_file: values['tls.cert']!, key_file: values['tls.key']! }
      : values['web.config.file'],
    enableLifecycle: values['web.enable-lifecycle'],
    enableAdminApi: values['web.enable-admin-api'],
    checked: !values['push.disable-consistency-check'],
    utf8Names: values['push.enable-utf8-names'],
    writeTargetLabels: values['write.target-labels'].length
      ? values['write.target-labels']
      : TARGET_LABELS,
    expiration: { groups: values['push.expiration'], ingested: values['redis.expiration'] },
    limits: {
      bodyBytes: values['limit.body-bytes'],
      decodedBytes: values['limit.decoded-bytes'],
      push: {
        ...DEFAULT_LIMITS,
        samples: values['limit.samples'],
        ...seriesLimits(values),
      },
      totalSamples: values['limit.total-samples'],
      // What is held are texts, most of them on the heap.
      memory: Math.min(memory.heap, memory.total),
      requests: values['limit.requests'],
      rate: values['limit.rate'],
      newTargets: values['limit.new-targets'],
    },
    flags: Object.fromEntries(
      Object.entries(values)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, shown(name, value)]),
    ),
    store: values['redis.endpoint'].length ? 'redis' : 'kafka',
  }
}

const DURATIONS = new Set([
  'push.expiration',
  'redis.expiration',
  'redis.timeout',
  'redis.wait-timeout',
  'publish.interval',
  'write.lookback',
  'write.assembly-timeout',
  'write.interval',
  'kafka.session-timeout',
])

function shown(name: string, value: unknown): string {
  if (DURATIONS.has(name)) return formatDuration(value as number)
  if (name === 'web.listen-address') {
    const { host, port } = value as GatewayConfig['listen']
    return `${host ?? ''}:${port}`
  }
  return String(value)
}

/** Problems of the files that the flags name, and contradictions between flags. */
export function gatewayProblems(values: Partial<GatewayValues>): Problem[] {
  const problems: Problem[] = [...kafkaProblems({ ...values, 'kafka.brokers': undefined })]
  const report = (flag: string, message: string) => problems.push({ flag, message })
  const file = readConfigFile(values['config.file'])
  if (Array.isArray(file)) return [...problems, ...file]
  const merged = withConfigFile(values as GatewayValues, file)
  const brokers = merged['kafka.brokers'] ?? []
  const redis = merged['redis.endpoint'] ?? []
  if (brokers.length === 0 && redis.length === 0)
    report(
      '--kafka.brokers',
      'is required, unless --redis.endpoint says where to keep pushes; set it or the environment variable KAFKA_BROKERS',
    )
  if (brokers.length > 0 && redis.length > 0)
    report('--redis.endpoint', 'pushes are kept in Kafka or in Redis: remove it or --kafka.brokers')
  const targetLabels = values['write.target-labels'] ?? []
  if (
    (targetLabels.length > 0 && !targetLabels.includes('job')) ||
    new Set(targetLabels).size < targetLabels.length
  )
    report('--write.target-labels', 'must name job, and each label once')
  if (values.publish && redis.length > 0)
    report('--publish', 'needs Kafka: push groups in Redis cannot be published')
  for (const endpoint of redis) {
    if (!hostPort.safeParse(endpoint).success)
      report(
        '--config.file',
        `redis.endpoint: ${endpoint} is not an address; write it as host:6379`,
      )
  }
  if (merged['redis.mode'] === 'server' && redis.length > 1)
    report('--redis.mode', 'server has one address: name one in --redis.endpoint')
  if (merged['redis.mode'] === 'cluster' && merged['redis.database'])
    report('--redis.database', 'a Redis Cluster has only 0')
  // A connection on which nothing is received for that time is closed.
  if (merged['redis.wait-replicas'] && merged['redis.wait-timeout'] >= merged['redis.timeout'])
    report('--redis.wait-timeout', 'must be shorter than --redis.timeout')
  if (merged['tls.enabled']) {
    if (!merged['tls.cert'] || !merged['tls.key'])
      report('--tls.enabled', 'needs --tls.cert and --tls.key')
    if (merged['web.config.file'])
      report(
        '--tls.enabled',
        'TLS is configured by --web.config.file or by --tls.enabled, not both',
      )
  }
  problems.push(...redisFileProblems(values['redis.config.file']), ...pathProblems(merged))
  problems.push(...checkWebConfig(values['web.config.file']).problems)
  return problems
}

function redisFileProblems(path: string | undefined): Problem[] {
  if (path === undefined) return []
  try {
    readRedisFile(path)
    return []
  } catch (error) {
    return [{ flag: '--redis.config.file', message: (error as Error).message }]
  }
}

function pathProblems(values: GatewayValues): Problem[] {
  const problems: Problem[] = []
  const metrics = values['web.telemetry-path'] ?? values['metrics.path']
  const paths = new Map([[metrics, '--metrics.path']])
  for (const name of ['telemetry.path', 'ingest.path'] as const) {
    const path = values[name]
    if (path === undefined) continue
    const other = paths.get(path)
    if (other) problems.push({ flag: `--${name}`, message: `is the same path as ${other}` })
    paths.set(path, `--${name}`)
  }
  return problems
}
