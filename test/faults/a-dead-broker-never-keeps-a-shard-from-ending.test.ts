import { expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { startShard } from '../support/shards.js'

test.each([
  ['dead', (kafka: LocalKafka) => kafka.kill()],
  [
    'suspended, so that they accept connections and say nothing',
    (kafka: LocalKafka) => kafka.pause(),
  ],
])('a shard whose brokers are %s stops within its grace period', async (_, fault) => {
  const kafka = await startKafka({ own: true })
  try {
    const topic = await newTopic(2, kafka.brokers)
    const shard = await startShard(
      { topic, group: name('ending') },
      {
        kafka: { brokers: kafka.brokers },
        externalUrl: undefined,
        sessionTimeout: 20_000,
        heartbeatInterval: 2_000,
      },
    )
    await eventually(async () => expect((await fetch(`${shard.url}/-/ready`)).status).toBe(200))
    await fault(kafka)
    let ended = false
    const stopping = shard.stop().then(() => {
      ended = true
    })
    // The grace period of the program, and as much for a busy machine.
    await eventually(() => expect(ended).toBe(true), 30_000)
    await stopping
  } finally {
    kafka.resume()
    await kafka.stop()
  }
})
