import { inject } from 'vitest'
import { createKafkaStore, type KafkaStore } from '../../gateway/store/kafka/kafka-store.js'
import type { KafkaStoreOptions, KafkaStoreSettings } from '../../gateway/store/kafka/options.js'
import { systemClock } from '../../shared/base/clock.js'
import { Appender } from '../../shared/kafka/log/appender.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { exposition, type Push, requestOf } from '../gateway/state/text.js'
import { eventually } from './eventually.js'
import { name, recordingLogger, silent } from './kafka.js'

export type PushTopics = KafkaStoreOptions['topics']

/** Waits of milliseconds, where a gateway has seconds. */
export const QUICK: Partial<KafkaStoreSettings> = {
  tickSpread: 20,
  snapshotSpread: 0,
  upkeepInterval: 200,
  gapRetry: 200,
}

/** Creates the topics of a gateway, by default on the shared brokers of the test run. */
export async function newPushTopics(brokers: readonly string[] = inject('brokers')) {
  const topics = { pushes: name('pushes'), snapshots: name('pushes-snapshots') }
  await createPushTopics(topics, brokers)
  return topics
}

export async function createPushTopics(
  { pushes, snapshots }: PushTopics,
  brokers: readonly string[] = inject('brokers'),
): Promise<void> {
  await createTopic({ brokers }, { topic: pushes, key: 'pushes' })
  await createTopic({ brokers }, { topic: snapshots, key: 'pushSnapshots' })
}

/** A Kafka store of a test. */
export class TestStore {
  readonly logger = recordingLogger()
  readonly store: KafkaStore
  #stopped = false

  constructor(options: Partial<KafkaStoreOptions> & Pick<KafkaStoreOptions, 'topics'>) {
    this.store = createKafkaStore({
      kafka: { brokers: inject('brokers') },
      clock: systemClock,
      logger: this.logger,
      acceptGap: false,
      ...options,
      settings: { ...QUICK, ...options.settings },
    })
  }

  async start(): Promise<this> {
    await this.store.start()
    await eventually(() => {
      const trouble = this.store.trouble()
      if (trouble !== undefined) throw new Error(trouble)
    })
    return this
  }

  push(push: Push) {
    return this.store.submit(requestOf(push))
  }

  /** The exposition without the push times. */
  async pushed(): Promise<string> {
    const text = exposition(await this.store.read())
    return text
      .split('\n')
      .filter(line => line && !line.startsWith('#') && !/^push_(failure_)?time_/.test(line))
      .sort()
      .join('\n')
  }

  /** The whole exposition. */
  async text(): Promise<string> {
    return exposition(await this.store.read())
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    await this.store.stop()
  }
}

/** Writes raw records to a topic with one partition. */
export async function appendRaw(
  topic: string,
  values: readonly Buffer[],
  brokers: readonly string[] = inject('brokers'),
): Promise<void> {
  const cluster = new Cluster({ brokers }, silent)
  const appender = new Appender({ cluster, topic, timeout: 5_000, maxBatchBytes: 1_000_000 })
  try {
    for (const value of values) await appender.append(value)
  } finally {
    appender.close()
    cluster.close()
  }
}
