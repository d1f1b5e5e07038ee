import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { checkTopics, createTopics } from '../../shared/kafka/topics.js'

let kafka: LocalKafka
beforeAll(async () => {
  kafka = await startKafka({ own: true, brokers: 3 })
})
afterAll(() => kafka?.stop())

test('with three brokers the logs of gateways have three replicas and min.insync.replicas 2, snapshots have the default', async () => {
  const { brokers } = kafka
  await createTopics({ brokers }, 'gateway', { partitions: 3 })
  const { topics } = await checkTopics({ brokers }, 'gateway')
  const durable = { replicationFactor: 3, settings: { 'min.insync.replicas': '2' }, problems: [] }
  expect(topics.slice(1)).toMatchObject([durable, durable, durable])
  // The default of these brokers is one replica, which is a warning.
  expect(topics[0]).toMatchObject({ replicationFactor: 1, problems: [{ severity: 'warning' }] })
})
