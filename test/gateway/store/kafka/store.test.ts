import { startKafka } from '../../../../dev/local/kafka.js'
import { createKafkaStore } from '../../../../gateway/store/kafka/kafka-store.js'
import { systemClock } from '../../../../shared/base/clock.js'
import { silent } from '../../../support/kafka.js'
import { newPushTopics, QUICK } from '../../../support/push-stores.js'
import { untilSuspended } from '../../../support/suspended.js'
import { describeStore } from '../suite.js'

describeStore('the Kafka store', async () => {
  // Its own brokers: the suite suspends them.
  const kafka = await startKafka({ own: true })
  const topics = await newPushTopics(kafka.brokers)
  return {
    create: () =>
      createKafkaStore({
        kafka: { brokers: kafka.brokers },
        topics,
        clock: systemClock,
        logger: silent,
        acceptGap: false,
        settings: { ...QUICK, submitTimeout: 1000 },
      }),
    suspend: async () => {
      kafka.pause()
      for (const node of kafka.nodes) await untilSuspended(node.child!.pid)
    },
    resume: async () => kafka.resume(),
    checksAllGroups: true,
    readsAlone: true,
    stop: () => kafka.stop(),
  }
})
