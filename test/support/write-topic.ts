import { inject } from 'vitest'
import { KafkaWriteLog } from '../../gateway/server/kafka-write-log.js'
import { systemClock } from '../../shared/base/clock.js'
import { tailTopic } from '../../shared/kafka/tail.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { startGateway } from './gateway.js'
import { name, silent } from './kafka.js'
import { LocalPushStore } from './local-push-store.js'
import { WrittenSamples } from './written-samples.js'

export async function newWriteTopic(
  partitions = 4,
  brokers: readonly string[] = inject('brokers'),
): Promise<string> {
  const topic = name('writes')
  await createTopic({ brokers }, { topic, key: 'writes', partitions })
  return topic
}

/** A gateway in this process that writes to the topic. */
export function startWriteGateway(topic: string, brokers: readonly string[] = inject('brokers')) {
  const log = new KafkaWriteLog({ kafka: { brokers }, topic, clock: systemClock, logger: silent })
  return startGateway({}, new LocalPushStore(), {}, log)
}

export interface WriteTopicReader {
  readonly written: WrittenSamples
  /** Keys of the records as text; NUL bytes are `|`. */
  readonly keys: ReadonlySet<string>
  stop(): Promise<void>
}

/** Reads a topic of remote write requests from its beginning until `stop`. */
export async function readWriteTopic(
  topic: string,
  brokers: readonly string[] = inject('brokers'),
): Promise<WriteTopicReader> {
  const written = new WrittenSamples()
  const keys = new Set<string>()
  const { stop } = await tailTopic(
    { brokers: [...brokers] },
    topic,
    { from: 'earliest' },
    (_, { key, value }) => {
      keys.add(key!.toString().replaceAll('\0', '|'))
      written.add(Buffer.from(value!), '2.0')
    },
  )
  return { written, keys, stop }
}
