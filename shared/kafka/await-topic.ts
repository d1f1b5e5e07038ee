import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import { RepeatedWarnings } from '../base/repeated-warnings.js'
import { StartError } from '../base/start-error.js'
import { KafkaError, outageKind } from './errors.js'
import type { TopicKey } from './topics/profiles.js'
import type { Role } from './topics/roles.js'
import { checkTopic, type TopicReport } from './topics.js'
import type { KafkaConfig } from './types.js'

const MIN_PAUSE_MS = 500
const MAX_PAUSE_MS = 10_000

export interface AwaitedTopic {
  readonly kafka: KafkaConfig
  readonly topic: string
  /** Profile of the topic. Default: snapshots. */
  readonly key?: TopicKey
  /** Program that uses it. Default: exposer. */
  readonly role?: Role
  /** Whether a missing topic is waited for. Otherwise it is an error. */
  readonly mayBeMissing?: boolean
}

/**
 * Waits until Kafka answers and the topic passes the check. While the brokers cannot be reached, it
 * retries without a limit and logs each kind of reason once per 30 s.
 *
 * @param trouble called with the reason for waiting, and with undefined at the end
 * @throws StartError when the topic is missing, or has settings that would make results wrong
 */
export async function awaitTopic(
  awaited: AwaitedTopic,
  logger: Logger,
  trouble: (reason: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const warnings = new RepeatedWarnings(logger, systemClock)
  const report = (kind: string, reason: string) => {
    trouble(reason)
    warnings.warn(kind, `Waiting for Kafka: ${reason}`)
  }
  const { kafka, topic } = awaited
  for (let pause = MIN_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
    try {
      const reason = evaluate(await checkTopic(kafka, topic, awaited), awaited, logger)
      if (reason === undefined) return trouble(undefined)
      report('topic', reason)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      report(outageKind(error), error.message)
    }
    await delay(pause, undefined, { signal }).catch(() => {})
  }
}

/**
 * @returns the reason to wait, if all errors are transient; undefined without errors
 * @throws StartError when an error is not transient
 */
function evaluate(
  { topic, exists, problems }: TopicReport,
  { mayBeMissing = false }: AwaitedTopic,
  logger: Logger,
): string | undefined {
  const errors = problems.filter(problem => problem.severity === 'error')
  if (!exists && mayBeMissing && errors.length)
    return errors.map(({ message, fix }) => `${message}. To fix it: ${fix}`).join('; ')
  const permanent = errors.filter(problem => !problem.transient)
  if (permanent.length) {
    const sentences = permanent.map(({ message, fix }) => `${message}. To fix it:\n    ${fix}`)
    throw new StartError(`topic ${topic} cannot be used: ${sentences.join('\n')}`)
  }
  if (errors.length) return `topic ${topic}: ${errors.map(({ message }) => message).join('; ')}`
  for (const { message, fix } of problems) logger.warn(`topic ${topic}: ${message}`, { fix })
  return undefined
}
