import { KafkaError } from '../errors.js'
import { errorOf, type Link } from './link.js'

export interface NewTopic {
  readonly topic: string
  /** −1: the brokers' default. */
  readonly partitions: number
  readonly replicationFactor: number
  readonly settings: Readonly<Record<string, string>>
}

/** @throws KafkaError, for example `TOPIC_ALREADY_EXISTS` */
export async function requestTopic(link: Link, topic: NewTopic, timeout: number): Promise<void> {
  const response = await link.call<{
    topicErrors: { errorCode: number; errorMessage: string | null }[]
  }>(
    'CreateTopics',
    {
      timeout,
      topics: [
        {
          topic: topic.topic,
          numPartitions: topic.partitions,
          replicationFactor: topic.replicationFactor,
          configEntries: Object.entries(topic.settings).map(([name, value]) => ({ name, value })),
        },
      ],
    },
    { timeout, raw: true, context: { topic: topic.topic } },
  )
  for (const { errorCode, errorMessage } of response.topicErrors) {
    const error = errorOf(errorCode, { topic: topic.topic, broker: link.address })
    if (error)
      throw errorMessage
        ? new KafkaError(error.type, `${error.message}: ${errorMessage}`, { cause: error })
        : error
  }
}

const TOPIC_RESOURCE = 2

/**
 * Settings of a topic, including the brokers' defaults.
 *
 * @throws KafkaError
 */
export async function topicSettings(
  link: Link,
  topic: string,
  timeout: number,
): Promise<Map<string, string>> {
  const response = await link.call<{
    resources: {
      errorCode: number
      configEntries: { configName: string; configValue: string | null }[]
    }[]
  }>(
    'DescribeConfigs',
    { resources: [{ type: TOPIC_RESOURCE, name: topic }] },
    { timeout, raw: true, context: { topic } },
  )
  const [resource] = response.resources
  const error = resource && errorOf(resource.errorCode, { topic, broker: link.address })
  if (error) throw error
  return new Map(
    (resource?.configEntries ?? []).map(entry => [entry.configName, entry.configValue ?? '']),
  )
}
