import { VIEWS } from '../exposer/core/render/massive/view.js'
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
  listenAddress,
  size,
  text,
} from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import type { Problem, Values } from '../shared/base/flags/types.js'
import { loadWebConfig } from '../shared/http/web-config/load.js'
import { WebConfigError } from '../shared/http/web-config/parse.js'
import { groupFlag, kafkaFlags, kafkaProblems, readKafkaConfig, topicFlag } from '../shared/kafka/flags.js'
import { checkTopic } from '../shared/kafka/topics.js'
import { DEFAULT_LIMITS } from '../shared/metrics/limits.js'
import { type Command, commonFlags, type Invocation, logFlags, loggerOf, readFlags } from './common.js'
import { keepHeapSmall } from './heap.js'

const flags = {
  ...commonFlags,
  'check-config': actionFlag(
    'Check the flags, the files that they name, and the topic, without starting or joining the group, and exit.',
  ),
  ...kafkaFlags,
  ...topicFlag,
  ...groupFlag,
  'kafka.session-timeout': flag(duration({ min: '1s', max: '30m' }), {
    default: '20s',
    help: 'A shard that the group has not heard of for so long loses its partitions. Short ones are found sooner, but an ordinary broker failover takes 6s.',
  }),
  'kafka.heartbeat-interval': flag(duration({ min: '100ms', max: '5m' }), {
    default: '2s',
    help: 'How often a shard tells the group that it is there; also how soon it learns of a rebalance.',
  }),
  'replay.window': flag(duration({ min: '1s', max: '7d' }), {
    default: '10m',
    help: 'How far back a partition is read when it is taken over. Targets that publish less often are not known after a restart.',
  }),
  'web.listen-address': flag(listenAddress, {
    default: ':9754',
    help: 'Address to listen on for everything that is served over HTTP.',
  }),
  'web.advertise-address': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL under which Prometheus and the other shards reach this one: requests for its targets are sent on there. By default the listen address, with the first address of this machine when that is every interface.',
  }),
  'web.external-url': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL of the one stable address in front of all shards: a Kubernetes Service, a DNS name with all shards, a balancer. Service discovery lists every target there. With one shard it can be left out.',
  }),
  'web.max-connections': flag(integer(1, 1_000_000), {
    default: '4096',
    help: 'Maximum number of simultaneous connections.',
  }),
  'web.config.file': flag(text, {
    placeholder: '<file>',
    help: "YAML file with TLS, headers and users of the HTTP server, in the format of Prometheus's exporters: tls_server_config, http_server_config, basic_auth_users. It is read again when it changes.",
  }),
  'exposition.view': flag(choice(...VIEWS), {
    default: 'latest',
    help: `What /metrics shows without ?view=: the newest values, or with the time of their collection, or all since the last scrape of ?scraper=. One of: [${VIEWS.join(', ')}]`,
  }),
  'exposition.playout-delay': flag(durationOr('auto', { max: '2m' }), {
    default: 'auto',
    help: 'Virtual targets show the newest snapshot that was collected before now minus this, so that what is late by less is late for nobody. "auto" chooses it for each target: what the slowest snapshot of the last ten minutes took, 30s at most.',
  }),
  'exposition.max-age': flag(duration({ min: '10s', max: '1d' }), {
    default: '10m',
    help: 'The view all shows nothing older, whatever a scraper has missed, and forgets a scraper that has not asked for so long. To be less than out_of_order_time_window of Prometheus, which fails a whole scrape for one sample beyond it.',
  }),
  'exposition.history-bytes': flag(size({ min: '1MiB' }), {
    default: '128MiB',
    help: 'Memory for what waits for scrapers of the view all; the oldest goes first.',
  }),
  'exposition.tombstone': flag(duration({ max: '1d' }), {
    default: '5m',
    help: 'How long a target that ended cleanly is answered with an empty body, until Prometheus has stopped asking.',
  }),
  'staleness.max-age': flag(duration({ min: '1s', max: '1d' }), {
    default: '2m',
    help: 'A partition that is read so far behind fails the scrapes of its targets.',
  }),
  'staleness.forget': flag(duration({ min: '10s', max: '30d' }), {
    default: '1h',
    help: 'Targets that have been silent for so long are forgotten.',
  }),
  'limit.samples': flag(integer(1, 10_000_000), {
    default: String(DEFAULT_LIMITS.samples),
    help: 'Samples that one target may have. Beyond a limit a snapshot is refused whole, and the scrape of its target fails.',
  }),
  'limit.labels': flag(integer(1, 1000), {
    default: String(DEFAULT_LIMITS.labels),
    help: 'Labels that one series may have.',
  }),
  'limit.name-bytes': flag(size({ min: '64B' }), {
    default: '1KiB',
    help: 'Length that the name of a metric or label may have.',
  }),
  'limit.value-bytes': flag(size({ min: '64B' }), {
    default: '4KiB',
    help: 'Length that the value of a label, or a help text, may have.',
  }),
  'limit.bytes': flag(size({ min: '64KiB' }), {
    default: '8MiB',
    help: 'Length that one record, and the layout in it when it is inflated, may have.',
  }),
  'storage.layout-bytes': flag(size({ min: '1MiB' }), {
    default: '256MiB',
    help: 'Memory for names and labels of all series together. Snapshots with a layout that does not fit are refused.',
  }),
  ...logFlags,
}

const description = {
  name: 'exposer',
  description:
    'Runs a shard. The shards of a group share the partitions of the topic among themselves; each keeps the newest snapshots of its targets and serves them: /target one virtual target, /sd the service discovery of all targets of the group, /metrics the whole shard, /telemetry about itself, and a page at /.\n\nEvery flag can be given as the environment variable beside it.',
  flags,
  check: contradictions,
}

/** `kafka-exposer exposer` */
export const exposer: Command = async invocation => {
  const values = readFlags(description, invocation)
  if (!values) return 0
  const config = configOf(values)
  if (values['check-config']) return checkConfig(config, invocation)
  keepHeapSmall()
  const shard = createExposer(config, { logger: loggerOf(values), version: invocation.version })
  const ending = new Promise<void>(resolve =>
    invocation.signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  try {
    await shard.start()
    await Promise.race([shard.failed, ending])
  } finally {
    await shard.stop()
  }
  return 0
}

/** Everything that would keep a shard from starting. */
async function checkConfig({ kafka, topic }: ExposerConfig, { stdout }: Invocation): Promise<number> {
  stdout.write('The flags are well-formed.\n')
  const report = await checkTopic(kafka, topic)
  const errors = report.problems.filter(problem => problem.severity === 'error')
  for (const { message, fix } of errors) stdout.write(`${message}. To mend it:\n    ${fix}\n`)
  if (errors.length) return 1
  stdout.write(`The topic ${topic} is fit for snapshots.\n`)
  return 0
}

function configOf(values: Values<typeof flags>): ExposerConfig {
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
    maxConnections: values['web.max-connections'],
    webConfigFile: values['web.config.file'],
    view: values['exposition.view'],
    history: { maxAge: values['exposition.max-age'], bytes: values['exposition.history-bytes'] },
    playoutDelay: values['exposition.playout-delay'],
    tombstone: values['exposition.tombstone'],
    staleness: { maxAge: values['staleness.max-age'], forget: values['staleness.forget'] },
    limits: {
      ...DEFAULT_LIMITS,
      samples: values['limit.samples'],
      labels: values['limit.labels'],
      nameBytes: values['limit.name-bytes'],
      valueBytes: values['limit.value-bytes'],
      bytes: values['limit.bytes'],
    },
    layoutBytes: values['storage.layout-bytes'],
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
      `must be a third of --kafka.session-timeout (${formatDuration(session)}) at most, or one lost heartbeat loses the partitions`,
    )
  }
  const maxAge = values['staleness.max-age']
  const forget = values['staleness.forget']
  if (maxAge !== undefined && forget !== undefined && forget < maxAge) {
    report('--staleness.forget', `must not be less than --staleness.max-age (${formatDuration(maxAge)})`)
  }
  problems.push(...webConfigProblems(values))
  return problems
}

function webConfigProblems(values: Partial<Values<typeof flags>>): Problem[] {
  const path = values['web.config.file']
  if (path === undefined) return []
  try {
    const { tls } = loadWebConfig(path)
    if (!tls || !values['web.advertise-address']?.startsWith('http:')) return []
    const message = 'must begin with https, because the shard serves TLS by its --web.config.file'
    return [{ flag: '--web.advertise-address', message }]
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error
    return error.problems.map(problem => ({ flag: '--web.config.file', message: `${path}: ${problem}` }))
  }
}
