import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { expectAll, ReceiverFaults, untilAcknowledged } from '../support/receiver-faults.js'

let kafka: LocalKafka
let faults: ReceiverFaults
beforeAll(async () => {
  kafka = await startKafka({ own: true, brokers: 3 })
  faults = new ReceiverFaults(kafka.brokers)
})
afterAll(async () => {
  await faults?.stop()
  faults?.remove()
  await kafka?.stop()
})

test('each broker of three dies once: what was acknowledged is there, and writing goes on', async () => {
  const { topic, writer } = await faults.twoGateways()
  for (const node of kafka.nodes) {
    await untilAcknowledged(writer, 200)
    await node.kill()
    // Other replicas lead its partitions: every request has several of them.
    await untilAcknowledged(writer, 300)
    await node.restart()
  }
  await untilAcknowledged(writer, 300)
  await writer.stop()
  expect(writer.statuses.get(204)).toBeGreaterThan(0)
  await expectAll(topic, writer, faults)
})
