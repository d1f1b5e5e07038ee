import { createGateway } from '../gateway/server/gateway.js'
import type { Logger } from '../shared/base/logger.js'
import { aborted } from '../shared/base/signals.js'
import { readKafkaConfig } from '../shared/kafka/flags.js'
import { checkTopics } from '../shared/kafka/topics.js'
import { type Command, type Invocation, loggerOf, readFlags } from './common.js'
import {
  type GatewayValues,
  gatewayConfig,
  gatewayProblems,
  withConfigFile,
} from './gateway/config.js'
import { type ConfigFile, IGNORED, readConfigFile } from './gateway/config-file.js'
import { gatewayFlags } from './gateway/flags.js'
import { createStore } from './gateway/store.js'
import { keepHeapSmall } from './heap.js'

const description = {
  name: 'gateway',
  description:
    "Runs a gateway: a Pushgateway whose state is in Kafka or Redis, so that any number of gateways serve the same. Short-lived jobs push their metrics to /metrics/job/…, Prometheus scrapes them at /metrics. The gateway's own metrics are at /telemetry, a web page at /.\n\nEvery flag can also be set by the environment variable beside it.",
  flags: gatewayFlags,
  check: gatewayProblems,
}

/**
 * Remote write passes a gateway in buffers, ten times its heap each second: collections for each
 * fifth of a small heap would take a quarter of its CPU time.
 */
const HEAP_STEP_BYTES = 48 * 1024 * 1024

/** `kafka-exposer gateway` */
export const gateway: Command = async invocation => {
  const given = readFlags(description, invocation)
  if (!given) return 0
  const file = readConfigFile(given['config.file']) as ConfigFile
  const values = withConfigFile(given, file)
  if (values['check-config']) return checkConfig(values, invocation)
  keepHeapSmall(HEAP_STEP_BYTES)
  const logger = loggerOf(values)
  warnOfIgnored(values, file, logger)
  const config = gatewayConfig(values)
  const store = createStore(values, file, { logger, memory: config.limits.memory })
  const running = createGateway(config, { ...store, logger, version: invocation.version })
  try {
    await running.start()
    await Promise.race([running.failed, running.quit, aborted(invocation.signal)])
  } finally {
    await running.stop()
  }
  return 0
}

function warnOfIgnored(values: GatewayValues, { redis = {} }: ConfigFile, logger: Logger): void {
  for (const flag of ['persistence.file', 'persistence.interval'] as const) {
    if (values[flag] !== undefined)
      logger.warn(`--${flag} is ignored: pushes are kept in Kafka or Redis`)
  }
  for (const key of IGNORED) {
    if (redis[key] !== undefined) logger.warn(`redis.${key} of --config.file is ignored`)
  }
}

/** Checks what a gateway checks when it starts. @returns the exit code */
async function checkConfig(values: GatewayValues, { stdout }: Invocation): Promise<number> {
  stdout.write('The flags and their files are valid.\n')
  if (values['redis.endpoint'].length > 0) return 0
  const topics = {
    pushes: values['kafka.pushes-topic'],
    pushSnapshots: values['kafka.push-snapshots-topic'],
  }
  const { topics: reports } = await checkTopics(readKafkaConfig(values), 'gateway', { topics })
  const own = new Set(Object.values(topics))
  const errors = reports
    .filter(({ topic }) => own.has(topic))
    .flatMap(({ problems }) => problems)
    .filter(({ severity }) => severity === 'error')
  for (const { message, fix } of errors) stdout.write(`${message}. To fix it:\n    ${fix}\n`)
  if (errors.length > 0) return 1
  stdout.write('The topics have the settings that pushes require.\n')
  return 0
}
