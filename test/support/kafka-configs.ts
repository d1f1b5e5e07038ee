import { classPath, fetchJars } from '../../dev/local/kafka/jars.js'
import { findJava, kafkaUnavailable } from '../../dev/local/kafka/java.js'
import { runCommand } from '../../dev/local/run-command.js'

/**
 * Runs `kafka-configs.sh` from the jars of the broker.
 *
 * @throws Error with its output if it fails
 */
export async function kafkaConfigs(...args: string[]): Promise<void> {
  const java = findJava()
  if (!java) throw kafkaUnavailable('Java is missing')
  const jars = classPath(await fetchJars(() => {}))
  const options = [
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-cp',
    jars,
  ]
  const command = [...options, 'kafka.admin.ConfigCommand', ...args]
  const { code, stdout, stderr } = await runCommand(java.path, command, { timeoutMs: 60_000 })
  if (code !== 0)
    throw new Error(`kafka-configs ${args.join(' ')} exited with ${code}:\n${stdout}${stderr}`)
}
