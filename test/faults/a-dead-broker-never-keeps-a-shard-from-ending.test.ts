import { expect, test } from 'vitest'
import { startKafka } from '../../dev/local/kafka.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { startShard } from '../support/shards.js'

test('a shard whose brokers are dead stops without waiting for them', async () => {
  const kafka = await startKafka({ own: true })
  try {
    const topic = await newTopic(2, kafka.brokers)
    const shard = await startShard(
      { topic, group: name('ending') },
      { kafka: { brokers: kafka.brokers }, externalUrl: undefined },
    )
    await eventually(async () => expect((await fetch(`${shard.url}/-/ready`)).status).toBe(200))
    await kafka.kill()
    let ended = false
    const stopping = shard.stop().then(() => {
      ended = true
    })
    // The grace period of the program.
    await eventually(() => expect(ended).toBe(true), 15_000)
    await stopping
  } finally {
    await kafka.stop()
  }
})
