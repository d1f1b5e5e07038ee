import { z } from 'zod'
import { COLLECTOR_NAMES, type CollectorName } from '../../agent/host/host.js'
import {
  actionFlag,
  choice,
  duration,
  flag,
  httpUrl,
  list,
  size,
  switchFlag,
  text,
} from '../../shared/base/flags/builders.js'
import type { Flag } from '../../shared/base/flags/types.js'
import { listenFlag, webFlags } from '../../shared/http/flags.js'
import { optionalKafkaFlags, topicFlag } from '../../shared/kafka/flags.js'
import { commonFlags, logFlags } from '../common.js'
import { scrapeTarget } from './scrape-target.js'

const ADDRESS = '127.0.0.1:9752'

const deliveryFlags = {
  ...optionalKafkaFlags(),
  ...topicFlag,
  'remote-write.url': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL of a receiver of remote write, to which collections are sent directly, without Kafka. Without this and brokers, the list remote_write of --config.file is used.',
  }),
  'remote-write.max-bytes': flag(size({ min: '64KiB' }), {
    default: '32MiB',
    help: 'Memory of what waits for each receiver of remote write. The oldest collections are dropped first, and counted as superseded.',
  }),
}

const scrapeFlags = {
  'scrape.target': list(scrapeTarget, {
    placeholder: '<job>=<url>',
    help: 'A target to scrape, such as shop=http://127.0.0.1:8080/metrics. It ends with this program, as in a sidecar. A comma in the URL is written as %2C.',
  }),
  'scrape.interval': flag(duration({ min: '1s', max: '10m' }), {
    default: '15s',
    help: 'Interval of --scrape.target and of the metrics of the host.',
  }),
  'scrape.timeout': flag(duration({ min: '100ms', max: '10m' }), {
    default: '10s',
    help: 'Timeout of --scrape.target, at most the interval.',
  }),
  'config.file': flag(text, {
    placeholder: '<file>',
    help: 'Configuration file of a Prometheus agent: global, scrape_configs, remote_write. It is read again after SIGHUP, except remote_write.',
  }),
  'limit.body-bytes': flag(size({ min: '1KiB', max: '1GiB' }), {
    default: '16MiB',
    help: 'Maximum size of an uncompressed page, also where body_size_limit is larger or 0.',
  }),
  'limit.total-body-bytes': flag(size({ min: '1MiB' }), {
    default: '128MiB',
    help: 'Maximum memory of the pages of all targets that are being received and read. A scrape beyond it fails.',
  }),
  'limit.discovery-bytes': flag(size({ min: '1KiB', max: '512MiB' }), {
    default: '32MiB',
    help: 'Maximum size of a file or a response of discovery. A larger one is a failure.',
  }),
  'limit.retained-bytes': flag(size({ min: '1MiB' }), {
    default: '512MiB',
    help: 'Maximum memory of what is kept of the last pages of all targets. A target beyond it is down.',
  }),
}

/** A switch that may be left out: undefined is not the same as false. */
const openSwitch = (help: string): Flag<boolean | undefined> => {
  const { default: _, ...rest } = switchFlag({ help })
  return rest as Flag<boolean | undefined>
}

/** Without an environment variable: `AGENT` may have another meaning. */
const commandLineOnly = <T>(flag: Flag<T>): Flag<T> => ({ ...flag, commandLineOnly: true })

type CollectorFlags = {
  readonly [K in CollectorName as `collector.${K}`]: Flag<boolean | undefined>
}

const collectorFlags = Object.fromEntries(
  COLLECTOR_NAMES.map(name => [`collector.${name}`, openSwitch(`Collector ${name} of the host.`)]),
) as unknown as CollectorFlags

const path = z.string().startsWith('/', 'must be an absolute path')

const hostFlags = {
  'host.metrics': flag(choice('auto', 'on', 'off'), {
    default: 'auto',
    help: 'Whether the metrics of this machine are collected. auto: unless there are targets to scrape, or if a collector is enabled. One of: [auto, on, off]',
  }),
  'host.job': flag(text, { default: 'node', help: 'Label job of the metrics of this machine.' }),
  'host.instance': flag(text, {
    placeholder: '<name>',
    help: 'Label instance of the metrics of this machine, and, with its port, of a --scrape.target on this machine. By default, the name of the host.',
  }),
  ...collectorFlags,
  'collector.disable-defaults': switchFlag({
    help: 'Disable all collectors that are not enabled by a flag.',
  }),
  'path.procfs': flag(path, { default: '/proc', help: 'Mount point of the procfs of the host.' }),
  'path.sysfs': flag(path, { default: '/sys', help: 'Mount point of the sysfs of the host.' }),
  'path.rootfs': flag(path, { default: '/', help: 'Mount point of the root of the host.' }),
  'path.udev.data': flag(path, {
    default: '/run/udev/data',
    help: 'Folder of the database of udev.',
  }),
}

const ignoredText = (instead: string) =>
  commandLineOnly(flag(z.string(), { placeholder: '<value>', help: `Ignored: ${instead}.` }))

const ignoredSwitch = (instead: string) => commandLineOnly(openSwitch(`Ignored: ${instead}.`))

const NOTHING_STORED = 'this agent stores nothing'

/** Flags of a Prometheus agent, which have no effect here. */
export const ignoredFlags = {
  'storage.agent.path': ignoredText(NOTHING_STORED),
  'storage.agent.wal-segment-size': ignoredText(NOTHING_STORED),
  'storage.agent.wal-compression-type': ignoredText(NOTHING_STORED),
  'storage.agent.wal-truncate-frequency': ignoredText(NOTHING_STORED),
  'storage.agent.retention.min-time': ignoredText(NOTHING_STORED),
  'storage.agent.retention.max-time': ignoredText(NOTHING_STORED),
  'storage.agent.wal-compression': ignoredSwitch(NOTHING_STORED),
  'storage.agent.no-lockfile': ignoredSwitch(NOTHING_STORED),
  'storage.remote.flush-deadline': ignoredText('Kafka is the write-ahead log'),
  'scrape.discovery-reload-interval': ignoredText('discovered targets are applied at once'),
  'web.read-timeout': ignoredText('the server has timeouts of its own'),
  'web.page-title': ignoredText('the page has a title'),
  'web.cors.origin': ignoredText('other origins get no access'),
  'web.console.templates': ignoredText('there are no consoles'),
  'web.console.libraries': ignoredText('there are no consoles'),
}

const compatibilityFlags = {
  agent: commandLineOnly(
    openSwitch('Accepted, so that the command line of a Prometheus agent works.'),
  ),
  'enable-feature': commandLineOnly(
    list(z.string(), {
      placeholder: '<name>',
      help: 'Accepted for agent, and ignored for others.',
    }),
  ),
  ...ignoredFlags,
}

export const agentFlags = {
  ...commonFlags,
  'check-config': actionFlag(
    'Check the flags, the files that they name and the topic, then exit without collecting.',
  ),
  ...deliveryFlags,
  ...scrapeFlags,
  ...hostFlags,
  ...listenFlag(ADDRESS),
  'web.external-url': flag(httpUrl, {
    placeholder: '<url>',
    help: 'URL under which the agent is reached, if it is behind a proxy.',
  }),
  'web.route-prefix': flag(z.string(), {
    placeholder: '<path>',
    help: 'Prefix under which all paths are served, besides the root. By default, the path of --web.external-url.',
  }),
  ...webFlags,
  'web.enable-lifecycle': switchFlag({
    help: 'Enable the reload and the end of the program by HTTP request.',
  }),
  ...compatibilityFlags,
  ...logFlags,
}
