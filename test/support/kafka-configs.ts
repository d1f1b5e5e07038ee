import { classPath, fetchJars } from '../../dev/local/kafka/jars.js'
import { findJava, kafkaUnavailable } from '../../dev/local/kafka/java.js'
import { runCommand } from '../../dev/local/run-command.js'

/**
 * Runs Kafka's own tool, `kafka-configs.sh`, out of the broker's jars.
 *
 * @throws Error with what it said
 */
export async function kafkaConfigs(...args: string[]): Promise<void> {
  const java = findJava()
  if (!java) throw kafkaUnavailable('Java is missing')
  const jars = classPath(await fetchJars(() => {}))
  const options = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', jars]
  const command = [...options, 'kafka.admin.ConfigCommand', ...args]
  const { code, stdout, stderr } = await runCommand(java.path, command, { timeoutMs: 60_000 })
  if (code !== 0) throw new Error(`kafka-configs ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
}
