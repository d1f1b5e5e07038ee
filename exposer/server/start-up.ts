import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../shared/base/logger.js'
import { StartError } from '../../shared/base/start-error.js'
import { KafkaError } from '../../shared/kafka/errors.js'
import { checkTopic, type TopicReport } from '../../shared/kafka/topics.js'
import type { ExposerConfig } from './config.js'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

/**
 * Waits until Kafka answers and the topic is found fit. As long as the brokers cannot be reached it goes on trying, for
 * hours if need be, and says so once.
 *
 * @param trouble told why it waits, and undefined when it does not any more
 * @throws StartError when the topic is missing or would give wrong answers
 */
export async function awaitTopic(
  { kafka, topic }: ExposerConfig,
  logger: Logger,
  trouble: (reason: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  let said = ''
  const wait = (reason: string) => {
    trouble(reason)
    if (reason !== said) logger.warn(`Waiting for Kafka: ${reason}`)
    said = reason
  }
  for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      const reason = judge(await checkTopic(kafka, topic), logger)
      if (reason === undefined) return trouble(undefined)
      wait(reason)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      wait(error.message)
    }
    await delay(pause, undefined, { signal }).catch(() => {})
  }
}

/**
 * @returns why to wait, if what is wrong may mend itself
 * @throws StartError when it does not
 */
function judge({ topic, problems }: TopicReport, logger: Logger): string | undefined {
  const errors = problems.filter(problem => problem.severity === 'error')
  const lasting = errors.filter(problem => !problem.transient)
  if (lasting.length) {
    const sentences = lasting.map(({ message, fix }) => `${message}. To mend it:\n    ${fix}`)
    throw new StartError(`topic ${topic} cannot be used: ${sentences.join('\n')}`)
  }
  if (errors.length) return `topic ${topic}: ${errors.map(({ message }) => message).join('; ')}`
  for (const { message, fix } of problems) logger.warn(`topic ${topic}: ${message}`, { fix })
  return undefined
}
