import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { VIEWS } from '../exposer/core/render/massive/view.js'
import { TIMESTAMPS } from '../exposer/core/render/timestamps.js'
import { certificatesOf } from '../exposer/group/peer-trust.js'
import type { ExposerConfig } from '../exposer/server/config.js'
import { createExposer } from '../exposer/server/exposer.js'
import {
  actionFlag,
  choice,
  duration,
  durationOr,
  flag,
  httpUrl,
  integer,
  size,
  switchFlag,
  text,
} from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import type { Problem, Values } from '../shared/base/flags/types.js'
import { aborted } from '../shared/base/signals.js'
import { checkWebConfig, listenFlag, webFlags } from '../shared/http/flags.js'
import {
  groupFlag,
  kafkaFlags,
  kafkaProblems,
  readKafkaConfig,
  topicFlag,
} from '../shared/kafka/flags.js'
import { checkTopic } from '../shared/kafka/topics.js'
import { DEFAULT_LIMITS } from '../shared/metrics/limits.js'
import {
  type Command,
  commonFlags,
  type Invocation,
  logFlags,
  loggerOf,
  readFlags,
} from './common.js'
import { keepHeapSmall } from './heap.js'
import { seriesLimitFlags, seriesLimits } from './limits.js'
import { memoryLimits, processMemory } from './memory.js'
import {
  remoteFileProblems,
  remoteWriteFlags,
  remoteWriteOptions,
  remoteWriteProblems,
} from './remote-write.js'

const flags = {
  ...commonFlags,
  'check-config': actionFlag(
    'Check the flags, the files that they name and the topic, then exit without joining the group.',
  ),
  ...kafkaFlags,
  ...topicFlag,
  ...groupFlag,
  'kafka.session-timeout': flag(duration({ min: '1s', max: '30m' }), {
    default: '20s',
    help: 'Time without a heartbeat after which a shard loses its partitions. A short timeout detects a dead shard sooner, but an ordinary broker failover takes about 6s.',
  }),
  'kafka.heartbeat-interval': flag(duration({ min: '100ms', max: '5m' }), {
    default: '2s',
    help: 'Interval of the heartbeats of a shard, and the time in which it learns of a rebalance. At most a third of the session timeout.',
  }),
  'replay.window': flag(duration({ min: '1s', max: '7d' }), {
    default: '10m',
    help: 'How far back a partition is read when it is assigned, before it is served. Then it is read back to --staleness.forget in the background, for targets that died before.',
  }),
  ...listenFlag(':9754'),
  'web.advertise-address': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL at which Prometheus and the other shards reach this shard. Other shards redirect or forward requests for its targets there. It identifies the shard in its group: of two shards with one address, the first ends with exit code 3. Default: the listen address; if that is every interface, the first address of this machine.',
  }),
  'web.external-url': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL of the one stable address in front of all shards: a Kubernetes Service, a DNS name of all shards or a load balancer. Service discovery lists all targets at this address. Not needed with a single shard.',
  }),
  'web.route-prefix': flag(z.string(), {
    placeholder: '<path>',
    help: 'Prefix under which all paths are served, besides the root: a proxy may remove it or not. By default, the path of --web.external-url.',
  }),
  ...webFlags,
  'web.peer-ca-file': flag(text, {
    placeholder: '<file>',
    help: "PEM file with the authorities of the other shards' certificates. Without it, a shard with TLS trusts its own certificate, client_ca_file, and self-signed authorities in cert_file. It is read at start.",
  }),
  'web.peer-credentials-over-http': switchFlag({
    help: 'Send the credentials of scrapers to other shards over plain HTTP. Whoever may join the consumer group, or read the network, then learns them.',
  }),
  'exposition.view': flag(choice(...VIEWS), {
    default: 'latest',
    help: `View of /metrics without ?view=: the latest samples, the latest samples with timestamps, or all samples since the last scrape of ?scraper=. One of: [${VIEWS.join(', ')}]`,
  }),
  'exposition.playout-delay': flag(durationOr('auto', { max: '2m' }), {
    default: 'auto',
    help: 'Playout delay of virtual targets. A scrape returns the newest snapshot that was collected at least this long ago, so that shorter propagation delays have no effect. "auto" derives it for each target from the longest propagation delay of the last ten minutes, 30s at most.',
  }),
  'exposition.timestamps': flag(choice(...TIMESTAMPS), {
    default: 'none',
    help: `Timestamps of the samples of virtual targets without ?__timestamps=: none, so that they get the scrape time; the collection time plus the playout delay, so that all Prometheus servers that scrape a target store the same samples with the same times; or the collection time. Prometheus needs track_timestamps_staleness: true for the last two. To be the same for all shards of a group. One of: [${TIMESTAMPS.join(', ')}]`,
  }),
  'exposition.max-age': flag(duration({ min: '10s', max: '1d' }), {
    default: '10m',
    help: 'Maximum age of samples in the view all. A scraper that has not scraped for this long is removed. The age must be less than out_of_order_time_window of Prometheus, which rejects a whole scrape because of one older sample.',
  }),
  'exposition.history-bytes': flag(size({ min: '1MiB' }), {
    default: '128MiB',
    help: 'Memory for samples that scrapers of the view all have not fetched. The oldest samples are dropped first.',
  }),
  'exposition.tombstone': flag(duration({ max: '1d' }), {
    default: '5m',
    help: 'How long scrapes of a target that has ended are answered with an empty body. Prometheus removes the target in the meantime.',
  }),
  'staleness.max-age': flag(duration({ min: '1s', max: '1d' }), {
    default: '2m',
    help: 'Maximum time by which reading a partition may lag behind. Beyond it, the scrapes of its targets fail.',
  }),
  'staleness.forget': flag(duration({ min: '10s', max: '30d' }), {
    default: '1h',
    help: 'Time without a snapshot after which a target is removed.',
  }),
  'limit.samples': flag(integer(1, 10_000_000), {
    default: String(DEFAULT_LIMITS.samples),
    help: 'Maximum number of samples of a target. A snapshot over a limit is refused as a whole, and the scrapes of its target fail.',
  }),
  ...seriesLimitFlags,
  'limit.bytes': flag(size({ min: '64KiB' }), {
    default: '8MiB',
    help: 'Maximum length of a record, and of its uncompressed layout.',
  }),
  'memory.limit': flag(size({ min: '1MiB' }), {
    help: "Memory for what is held for targets: layouts, labels, values, exemplars, history and lists. A snapshot that needs more memory than its target already holds is refused when the limit is reached. Default: 60% of the memory of the cgroup, or else of the machine. In any case at most 60% of V8's heap limit is held on the heap; NODE_OPTIONS=--max-old-space-size raises that.",
  }),
  'storage.layout-bytes': flag(size({ min: '1MiB' }), {
    help: 'Part of the memory that names and labels of series may take. A snapshot whose layout does not fit is refused. Default: all of the memory.',
  }),
  ...remoteWriteFlags,
  ...logFlags,
}

const description = {
  name: 'exposer',
  description:
    'Runs a shard. The shards of a group share the partitions of the topic. Each shard holds the newest snapshots of its targets and serves a virtual target per application at /target, HTTP service discovery of all targets of the group at /sd, all its targets at /metrics, its own metrics at /telemetry, and a web page at /.\n\nEvery flag can also be set by the environment variable beside it.',
  flags,
  check: contradictions,
}

/** `kafka-exposer exposer` */
export const exposer: Command = async invocation => {
  const values = readFlags(description, invocation)
  if (!values) return 0
  const config = configOf(values, invocation.environment)
  if (values['check-config']) return checkConfig(config, invocation)
  keepHeapSmall()
  const shard = createExposer(config, { logger: loggerOf(values), version: invocation.version })
  try {
    await shard.start()
    await Promise.race([shard.failed, aborted(invocation.signal)])
  } finally {
    await shard.stop()
  }
  return 0
}

/** Checks what a shard checks when it starts. @returns the exit code */
async function checkConfig(
  { kafka, topic, remoteWrite }: ExposerConfig,
  { stdout }: Invocation,
): Promise<number> {
  const unreadable = await remoteFileProblems(remoteWrite?.remotes ?? [])
  for (const problem of unreadable) stdout.write(`${problem}\n`)
  if (unreadable.length) return 1
  stdout.write('The flags and their files are valid.\n')
  const report = await checkTopic(kafka, topic)
  const errors = report.problems.filter(problem => problem.severity === 'error')
  for (const { message, fix } of errors) stdout.write(`${message}. To fix it:\n    ${fix}\n`)
  if (errors.length) return 1
  stdout.write(`The topic ${topic} has the settings that snapshots require.\n`)
  return 0
}

function configOf(values: Values<typeof flags>, env: Invocation['environment']): ExposerConfig {
  return {
    kafka: readKafkaConfig(values),
    topic: values['kafka.topic'],
    group: values['kafka.group'],
    sessionTimeout: values['kafka.session-timeout'],
    heartbeatInterval: values['kafka.heartbeat-interval'],
    replayWindow: values['replay.window'],
    listen: values['web.listen-address'],
    advertiseAddress: values['web.advertise-address'],
    externalUrl: values['web.external-url'],
    routePrefix: values['web.route-prefix'],
    maxConnections: values['web.max-connections'],
    maxRequests: values['web.max-requests'],
    webConfigFile: values['web.config.file'],
    peers: {
      ca: readPeerCa(values['web.peer-ca-file']),
      credentialsOverHttp: values['web.peer-credentials-over-http'],
    },
    view: values['exposition.view'],
    timestamps: values['exposition.timestamps'],
    history: { maxAge: values['exposition.max-age'], bytes: values['exposition.history-bytes'] },
    playoutDelay: values['exposition.playout-delay'],
    tombstone: values['exposition.tombstone'],
    staleness: { maxAge: values['staleness.max-age'], forget: values['staleness.forget'] },
    limits: {
      ...DEFAULT_LIMITS,
      samples: values['limit.samples'],
      ...seriesLimits(values),
      bytes: values['limit.bytes'],
    },
    memory: memoryLimits(values['memory.limit'], processMemory()),
    layoutBytes: values['storage.layout-bytes'] ?? Number.POSITIVE_INFINITY,
    remoteWrite: remoteWriteOptions(values, env),
  }
}

function contradictions(values: Partial<Values<typeof flags>>): Problem[] {
  const problems: Problem[] = [...kafkaProblems(values)]
  const report = (flag: string, message: string) => problems.push({ flag, message })
  const session = values['kafka.session-timeout']
  const heartbeat = values['kafka.heartbeat-interval']
  if (session !== undefined && heartbeat !== undefined && heartbeat * 3 > session) {
    report(
      '--kafka.heartbeat-interval',
      `must be at most a third of --kafka.session-timeout (${formatDuration(session)}); otherwise one lost heartbeat can cost the shard its partitions`,
    )
  }
  const maxAge = values['staleness.max-age']
  const forget = values['staleness.forget']
  if (maxAge !== undefined && forget !== undefined && forget < maxAge) {
    report(
      '--staleness.forget',
      `must not be less than --staleness.max-age (${formatDuration(maxAge)})`,
    )
  }
  problems.push(
    ...webConfigProblems(values),
    ...peerCaProblems(values),
    ...remoteWriteProblems(values),
  )
  return problems
}

const readPeerCa = (path: string | undefined) =>
  path === undefined ? undefined : readFileSync(path, 'utf8')

function peerCaProblems(values: Partial<Values<typeof flags>>): Problem[] {
  const path = values['web.peer-ca-file']
  const report = (message: string) => [
    { flag: '--web.peer-ca-file', message: `${path}: ${message}` },
  ]
  try {
    const pem = readPeerCa(path)
    if (pem === undefined) return []
    const certificates = certificatesOf(pem)
    for (const certificate of certificates) new X509Certificate(certificate)
    return certificates.length ? [] : report('has no certificate in PEM format')
  } catch (error) {
    return report((error as Error).message)
  }
}

function webConfigProblems(values: Partial<Values<typeof flags>>): Problem[] {
  const { tls, problems } = checkWebConfig(values['web.config.file'])
  if (!tls || !values['web.advertise-address']?.startsWith('http:')) return problems
  const message = 'must begin with https, because --web.config.file enables TLS'
  return [{ flag: '--web.advertise-address', message }]
}
