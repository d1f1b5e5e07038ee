import { FlexibleReader, FlexibleWriter } from './flexible.js'
import type { Link } from './link.js'

/** Metadata of the cluster and one topic, as a broker reports it. */
export interface ClusterMetadata {
  readonly controllerId: number
  readonly brokers: readonly {
    readonly nodeId: number
    readonly host: string
    readonly port: number
  }[]
  readonly topic: {
    readonly errorCode: number
    /** Changes when the topic is deleted and created again; null from brokers before Kafka 2.8. */
    readonly id: string | null
    readonly partitions: readonly {
      readonly partition: number
      readonly leader: number
      readonly replicas: number
      readonly inSync: number
    }[]
  }
}

/** The first version with topic ids. */
const VERSION_WITH_IDS = 10
const UNKNOWN_TOPIC = 3

/**
 * Requests metadata without creating the topic.
 *
 * @throws KafkaError
 */
export async function requestMetadata(
  link: Link,
  topic: string,
  timeout: number,
): Promise<ClusterMetadata> {
  await link.connect()
  const context = { topic }
  if (link.speaks('Metadata', VERSION_WITH_IDS)) {
    const encode = () => encodeRequest(topic)
    const decode = (payload: Buffer) => decodeResponse(payload, topic)
    return link.call(
      'Metadata',
      {},
      { timeout, version: VERSION_WITH_IDS, encode, decode, context },
    )
  }
  const args = { topics: [topic], allowAutoTopicCreation: false }
  return withoutId(
    await link.call<OldResponse>('Metadata', args, { timeout, raw: true, context }),
    topic,
  )
}

/** Metadata request, version 10. The first byte ends the flexible request header. */
function encodeRequest(topic: string) {
  const writer = new FlexibleWriter().tags()
  writer
    .array([topic], name => writer.uuid(null).string(name).tags())
    .int8(0) // do not create the topic
    .int8(0) // without authorized operations
    .int8(0)
    .tags()
  return { buf: writer.written, buffer: writer.written }
}

/** Metadata response, version 10. */
function decodeResponse(payload: Buffer, wanted: string): ClusterMetadata {
  const reader = new FlexibleReader(payload)
  reader.tags() // of the response header
  reader.int32() // throttle time
  const brokers = reader.array(() => {
    const broker = { nodeId: reader.int32(), host: reader.string() ?? '', port: reader.int32() }
    reader.string() // rack
    reader.tags()
    return broker
  })
  reader.string() // cluster id
  const controllerId = reader.int32()
  const topics = reader.array(() => {
    const topic = { errorCode: reader.int16(), name: reader.string(), id: reader.uuid() }
    reader.skip(1) // whether it is internal
    const partitions = reader.array(() => {
      reader.int16() // error code, also implied by the leader
      const partition = reader.int32()
      const leader = reader.int32()
      reader.int32() // leader epoch
      const [replicas, inSync] = [
        reader.array(() => reader.int32()),
        reader.array(() => reader.int32()),
      ]
      reader.array(() => reader.int32()) // replicas that are offline
      reader.tags()
      return { partition, leader, replicas: replicas.length, inSync: inSync.length }
    })
    reader.int32() // authorized operations
    reader.tags()
    return { ...topic, partitions }
  })
  const topic = topics.find(({ name }) => name === wanted)
  return {
    brokers,
    controllerId,
    topic: topic ?? { errorCode: UNKNOWN_TOPIC, id: null, partitions: [] },
  }
}

/** Version 6 and older as decoded by kafkajs. */
interface OldResponse {
  readonly controllerId: number
  readonly brokers: ClusterMetadata['brokers']
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number
    readonly topic: string
    readonly partitionMetadata: readonly {
      readonly partitionId: number
      readonly leader: number
      readonly replicas: readonly number[]
      readonly isr: readonly number[]
    }[]
  }[]
}

function withoutId(
  { controllerId, brokers, topicMetadata }: OldResponse,
  wanted: string,
): ClusterMetadata {
  const topic = topicMetadata.find(found => found.topic === wanted)
  const partitions = (topic?.partitionMetadata ?? []).map(
    ({ partitionId, leader, replicas, isr }) => ({
      partition: partitionId,
      leader,
      replicas: replicas.length,
      inSync: isr.length,
    }),
  )
  return {
    controllerId,
    brokers,
    topic: { errorCode: topic?.topicErrorCode ?? UNKNOWN_TOPIC, id: null, partitions },
  }
}
