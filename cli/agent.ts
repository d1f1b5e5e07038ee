import { createAgent } from '../agent/server/agent.js'
import type { Logger } from '../shared/base/logger.js'
import { aborted } from '../shared/base/signals.js'
import { readKafkaConfig } from '../shared/kafka/flags.js'
import { type AgentValues, agentConfig, agentProblems } from './agent/config.js'
import { ConfigFile } from './agent/config-file.js'
import { agentFlags, ignoredFlags } from './agent/flags.js'
import { createSink } from './agent/sink.js'
import { type Command, type Invocation, loggerOf, readFlags } from './common.js'
import { keepHeapSmall } from './heap.js'
import { proxyEnvironment } from './proxy-environment.js'

const description = {
  name: 'agent',
  description:
    "Runs an agent: collects the metrics of this machine, scrapes targets, and publishes each of them to Kafka as if it had published itself. A sidecar needs --scrape.target; the file of a Prometheus agent works with --config.file. The agent's own metrics are at /metrics, a web page at /.\n\nEvery flag can also be set by the environment variable beside it.",
  flags: agentFlags,
}

/** `kafka-exposer agent` */
export const agent: Command = async invocation => {
  const { environment, version } = invocation
  const configFile = new ConfigFile(environment)
  const values = readFlags({ ...description, check: agentProblems(configFile) }, invocation)
  if (!values) return 0
  if (values['check-config']) return checkConfig(values, invocation)
  keepHeapSmall()
  const logger = loggerOf(values)
  warnOfIgnored(values, logger)
  const sink = await createSink(values, configFile, { logger, version, environment })
  const running = createAgent(agentConfig(values, environment, version, configFile), {
    sink,
    logger,
    version,
    proxyEnvironment: proxyEnvironment(environment),
  })
  const onHangup = () => void running.reload()
  process.on('SIGHUP', onHangup)
  try {
    const ended = Promise.race([running.failed, running.quit, aborted(invocation.signal)])
    // A start with many jobs takes seconds.
    await Promise.race([running.start(), ended])
    await ended
  } finally {
    await running.stop()
    process.off('SIGHUP', onHangup)
  }
  return 0
}

function warnOfIgnored(values: AgentValues, logger: Logger): void {
  for (const flag of Object.keys(ignoredFlags) as (keyof typeof ignoredFlags)[]) {
    if (values[flag] !== undefined) logger.warn(`--${flag} is ignored: ${reasonOf(flag)}`)
  }
  for (const feature of values['enable-feature'].filter(name => name !== 'agent'))
    logger.warn(`--enable-feature=${feature} is ignored`)
}

const reasonOf = (flag: keyof typeof ignoredFlags) =>
  ignoredFlags[flag].help.replace(/^Ignored: /, '').replace(/\.$/, '')

/** Checks what an agent checks when it starts. @returns the exit code */
async function checkConfig(values: AgentValues, { stdout }: Invocation): Promise<number> {
  stdout.write('The flags and their files are valid.\n')
  if (values['kafka.brokers'].length === 0) return 0
  const { checkTopics } = await import('../shared/kafka/topics.js')
  const topics = { snapshots: values['kafka.topic'] }
  const { topics: reports } = await checkTopics(readKafkaConfig(values), 'agent', { topics })
  const errors = reports
    .flatMap(({ problems }) => problems)
    .filter(({ severity }) => severity === 'error')
  for (const { message, fix } of errors) stdout.write(`${message}. To fix it:\n    ${fix}\n`)
  if (errors.length > 0) return 1
  stdout.write('The topic has the settings that snapshots require.\n')
  return 0
}
