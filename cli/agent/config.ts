import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { COLLECTOR_DEFAULTS, COLLECTOR_NAMES, type CollectorName } from '../../agent/host/host.js'
import type { LoadedConfig } from '../../agent/scrape/config/load.js'
import { ScrapeConfigError } from '../../agent/scrape/config/problem.js'
import type { AgentConfig, HostTarget, LoadedPlan } from '../../agent/server/config.js'
import type { Problem, Values } from '../../shared/base/flags/types.js'
import { checkWebConfig } from '../../shared/http/flags.js'
import { kafkaProblems } from '../../shared/kafka/flags.js'
import {
  parseRemoteWriteList,
  type RemoteConfig,
  RemoteWriteConfigError,
} from '../../shared/remote-write/config.js'
import { remoteOf } from '../remote-write.js'
import type { ConfigFile } from './config-file.js'
import type { agentFlags } from './flags.js'
import { sidecarJobs } from './jobs.js'

export type AgentValues = Values<typeof agentFlags>
type Environment = Readonly<Record<string, string | undefined>>

/** The configuration without the sink. */
export function agentConfig(
  values: AgentValues,
  environment: Environment,
  version: string,
  configFile: ConfigFile,
): AgentConfig {
  const path = values['config.file']
  return {
    listen: values['web.listen-address'],
    externalUrl: values['web.external-url'],
    routePrefix: values['web.route-prefix'],
    maxConnections: values['web.max-connections'],
    maxRequests: values['web.max-requests'],
    web: values['web.config.file'],
    enableLifecycle: values['web.enable-lifecycle'],
    host: hostTarget(values, environment, version),
    *loadPlan() {
      return planOf(values, path === undefined ? undefined : yield* configFile.nextSteps(path))
    },
    file: path,
    limits: {
      retainedBytes: values['limit.retained-bytes'],
      bodyBytes: values['limit.body-bytes'],
      totalBodyBytes: values['limit.total-body-bytes'],
      discoveryBytes: values['limit.discovery-bytes'],
    },
  }
}

/**
 * The receivers of the command line and of the file.
 *
 * @throws ScrapeConfigError if those of the file are invalid
 */
export function remotesOf(values: Partial<AgentValues>, configFile: ConfigFile): RemoteConfig[] {
  const url = values['remote-write.url']
  const path = values['config.file']
  const file = path === undefined ? undefined : configFile.atStart(path)
  try {
    return [
      ...(url === undefined ? [] : [remoteOf(url, {})]),
      ...parseRemoteWriteList(
        file?.remoteWrite ?? [],
        dirname(path ?? '.'),
        file?.global.metric_name_validation_scheme,
      ),
    ]
  } catch (error) {
    if (!(error instanceof RemoteWriteConfigError)) throw error
    throw new ScrapeConfigError(error.problems)
  }
}

/** The jobs of the file and of the command line. */
function planOf(values: AgentValues, file: LoadedConfig | undefined): LoadedPlan {
  const sidecars = sidecarJobs(values['scrape.target'], {
    intervalMs: values['scrape.interval'],
    timeoutMs: values['scrape.timeout'],
    instance: values['host.instance'] ?? hostname(),
  })
  const names = new Set(sidecars.map(({ name }) => name))
  const twice = file?.jobs.find(({ name }) => names.has(name))
  if (twice)
    throw new ScrapeConfigError([
      `the job ${JSON.stringify(twice.name)} is also one of --scrape.target: rename one of them`,
    ])
  return {
    plan: {
      jobs: [...(file?.jobs ?? []), ...sidecars],
      externalLabels: file?.externalLabels ?? {},
      sidecars: names,
    },
    warnings: [
      ...(file?.warnings ?? []),
      ...(file && file.remoteWrite.length > 0 && values['kafka.brokers'].length > 0
        ? ['remote_write: is not used: targets are published to Kafka, and exposers send them']
        : []),
    ],
  }
}

const collectorFlag = (values: Partial<AgentValues>, name: CollectorName) =>
  values[`collector.${name}`]

function hostTarget(
  values: AgentValues,
  environment: Environment,
  version: string,
): HostTarget | undefined {
  const mode = values['host.metrics']
  const asked = COLLECTOR_NAMES.some(name => collectorFlag(values, name) === true)
  const scrapes = values['scrape.target'].length > 0 || values['config.file'] !== undefined
  if (mode === 'off' || (mode === 'auto' && scrapes && !asked)) return undefined
  const byDefault = (name: CollectorName) =>
    !values['collector.disable-defaults'] && COLLECTOR_DEFAULTS[name]
  const timeZone = environment.TZ
  return {
    job: values['host.job'],
    instance: values['host.instance'] ?? hostname(),
    intervalMs: values['scrape.interval'],
    options: {
      collectors: Object.fromEntries(
        COLLECTOR_NAMES.map(name => [name, collectorFlag(values, name) ?? byDefault(name)]),
      ) as Record<CollectorName, boolean>,
      procPath: resolve(values['path.procfs']),
      sysPath: resolve(values['path.sysfs']),
      rootfsPath: resolve(values['path.rootfs']),
      udevPath: resolve(values['path.udev.data']),
      ...(timeZone === undefined ? {} : { timeZone }),
      version,
    },
  }
}

/** Problems of the files that the flags name, and contradictions between flags. */
export const agentProblems =
  (configFile: ConfigFile) =>
  (values: Partial<AgentValues>): Problem[] => {
    const problems: Problem[] = [...kafkaProblems({ ...values, 'kafka.brokers': undefined })]
    problems.push(...checkWebConfig(values['web.config.file']).problems)
    const targets = values['scrape.target']?.every(target => target !== undefined)
    const path = values['config.file']
    if (path !== undefined && targets) {
      try {
        planOf(values as AgentValues, configFile.atStart(path))
        remotesOf(values, configFile)
      } catch (error) {
        if (!(error instanceof ScrapeConfigError)) throw error
        for (const problem of error.problems)
          problems.push({
            flag: '--config.file',
            message: `${path}: ${problem}`,
          })
      }
    }
    if (problems.length === 0 && !hasReceiver(values, configFile))
      problems.push({
        flag: '--kafka.brokers',
        message:
          'is required; set it or the environment variable KAFKA_BROKERS, or --remote-write.url, or remote_write in --config.file',
      })
    return problems
  }

const hasReceiver = (values: Partial<AgentValues>, configFile: ConfigFile) =>
  Boolean(values['kafka.brokers']?.length) || remotesOf(values, configFile).length > 0
