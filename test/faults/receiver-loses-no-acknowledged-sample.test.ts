import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { eventually } from '../support/eventually.js'
import {
  expectAll,
  RECEIVER_SHARDS,
  ReceiverFaults,
  untilAcknowledged,
} from '../support/receiver-faults.js'
import { untilSuspended } from '../support/suspended.js'

const SHARDS = RECEIVER_SHARDS
let kafka: LocalKafka
let faults: ReceiverFaults
beforeAll(async () => {
  kafka = await startKafka({ own: true })
  faults = new ReceiverFaults(kafka.brokers)
})
afterEach(async () => {
  kafka.resume()
  await faults.stop()
})
afterAll(async () => {
  faults?.remove()
  await kafka?.stop()
})

test('a gateway that is killed loses nothing that was acknowledged, and the other goes on', async () => {
  const { topic, gateways, urls, writer } = await faults.twoGateways()
  for (let round = 0; round < 3; round++) {
    await untilAcknowledged(writer, 200)
    const victim = round % 2
    await gateways[victim].program.kill()
    await untilAcknowledged(writer, 50)
    gateways[victim] = await faults.startGateway(topic)
    urls[victim] = gateways[victim].url
  }
  await untilAcknowledged(writer, 200)
  await writer.stop()
  expect(writer.unanswered).toBeGreaterThan(0)
  await expectAll(topic, writer, faults)
})

test('while the brokers are suspended nothing is acknowledged, and afterwards everything', async () => {
  const { topic, writer } = await faults.twoGateways()
  await untilAcknowledged(writer, 200)
  kafka.pause()
  for (const node of kafka.nodes) await untilSuspended(node.child!.pid)
  // Requests fail in time, so that senders are not left without an answer.
  await eventually(() => expect(writer.statuses.get(503) ?? 0).toBeGreaterThan(SHARDS), 60_000)
  const before = writer.acknowledged.length
  await eventually(() => expect(writer.statuses.get(503) ?? 0).toBeGreaterThan(2 * SHARDS), 60_000)
  expect(writer.acknowledged.length).toBe(before)
  kafka.resume()
  await untilAcknowledged(writer, 200)
  await writer.stop()
  await expectAll(topic, writer, faults)
})

test('brokers that die and come back have everything that was acknowledged', async () => {
  const { topic, writer } = await faults.twoGateways()
  await untilAcknowledged(writer, 200)
  await kafka.kill()
  await eventually(() => expect(writer.statuses.get(503) ?? 0).toBeGreaterThan(SHARDS), 60_000)
  await kafka.restart()
  await untilAcknowledged(writer, 200)
  await writer.stop()
  await expectAll(topic, writer, faults)
})
