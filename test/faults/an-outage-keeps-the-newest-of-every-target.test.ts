import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { systemClock } from '../../shared/base/clock.js'
import { createSender } from '../../shared/kafka/sender.js'
import { type Tail, tailTopic } from '../../shared/kafka/tail.js'
import { ConflatingOutbox } from '../../shared/publish/conflating-outbox.js'
import { OrderedOutbox } from '../../shared/publish/ordered-outbox.js'
import { eventually } from '../support/eventually.js'
import { newTopic, silent } from '../support/kafka.js'

const TARGETS = 300
let kafka: LocalKafka
let tail: Tail | undefined
beforeAll(async () => {
  kafka = await startKafka({ own: true })
})
afterAll(async () => {
  await tail?.stop()
  await kafka?.stop()
})

const keyOf = (target: number) => Buffer.from(`instance\0host-${target}\0job\0api\0`)
const publication = (number: number) => ({
  bytes: 100,
  encodedBytes: 100,
  encode: () => [Buffer.from(String(number).padEnd(100))],
})
const senderOf = (topic: string) =>
  createSender({ kafka: { brokers: kafka.brokers }, topic, logger: silent, sendTimeout: 2000 })

/** The numbers in the records of each target, in the order of the topic. */
async function read(topic: string): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>()
  await tail?.stop()
  tail = await tailTopic(
    { brokers: kafka.brokers },
    topic,
    { from: 'earliest' },
    (_, { key, value }) => {
      const own = numbers.get(String(key)) ?? []
      numbers.set(String(key), own)
      own.push(Number(value))
    },
  )
  return numbers
}

test('the newest publication of every target arrives after an outage, in order, and all others are counted', async () => {
  const topic = await newTopic(6, kafka.brokers)
  const sender = senderOf(topic)
  const outbox = new ConflatingOutbox({ sender, clock: systemClock })
  const targets = Array.from({ length: TARGETS }, (_, i) => outbox.target(keyOf(i)))
  let round = 0
  const offerAll = () => {
    round++
    for (const target of targets) target.offer(publication(round))
  }
  const offering = setInterval(offerAll, 50)
  try {
    await eventually(() =>
      expect(Math.min(...targets.map(t => t.counts.acknowledged))).toBeGreaterThan(3),
    )
    await kafka.kill()
    const killed = round
    await eventually(() => expect(round).toBeGreaterThan(killed + 50))
    for (const { counts } of targets) expect(counts.held).toBeLessThanOrEqual(2)
    await kafka.restart()
  } finally {
    clearInterval(offering)
  }
  await Promise.all(targets.map(target => target.drain()))
  for (const { counts } of targets) {
    expect(counts.offered).toBe(counts.acknowledged + counts.superseded)
    expect(counts.offered).toBe(round)
  }
  const numbers = await read(topic)
  await eventually(() => {
    for (let i = 0; i < TARGETS; i++) expect(numbers.get(String(keyOf(i)))?.at(-1)).toBe(round)
  })
  for (const own of numbers.values()) {
    // A publication may be in the topic twice, because sends with an unknown result are repeated.
    for (let i = 1; i < own.length; i++) expect(own[i]).toBeGreaterThanOrEqual(own[i - 1])
  }
  outbox.stop()
  await sender.disconnect()
})

test('an ordered outbox loses nothing in an outage, and its memory stays within its limit', async () => {
  const topic = await newTopic(6, kafka.brokers)
  const sender = senderOf(topic)
  const maxBytes = 200_000
  const outbox = new OrderedOutbox({ sender, clock: systemClock, maxBytes })
  const targets = Array.from({ length: 20 }, (_, i) => outbox.target(keyOf(i)))
  const EACH = 400
  let most = 0
  let taken = 0
  const relay = async (target: (typeof targets)[number]) => {
    const acknowledged: Promise<void>[] = []
    for (let number = 0; number < EACH; number++) {
      acknowledged.push((await target.offer(publication(number))).acknowledged)
      most = Math.max(most, outbox.bytes)
      // Yield, so that the callers of other targets run too.
      if (++taken % 50 === 0) await new Promise(setImmediate)
    }
    await Promise.all(acknowledged)
  }
  const relayed = Promise.all(targets.map(relay))
  await kafka.kill()
  await eventually(() => expect(outbox.bytes).toBeGreaterThan(maxBytes * 0.9))
  await kafka.restart()
  await relayed
  expect(most).toBeLessThanOrEqual(maxBytes)
  for (const { counts } of targets)
    expect(counts).toMatchObject({
      offered: EACH,
      acknowledged: EACH,
      superseded: 0,
      refused: 0,
      held: 0,
    })
  const numbers = await read(topic)
  const all = Array.from({ length: EACH }, (_, i) => i)
  await eventually(() => {
    for (let i = 0; i < targets.length; i++)
      expect([...new Set(numbers.get(String(keyOf(i))))]).toEqual(all)
  })
  outbox.stop()
  await sender.disconnect()
})
