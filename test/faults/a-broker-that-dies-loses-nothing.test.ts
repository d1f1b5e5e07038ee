import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, TestMembers } from '../support/kafka.js'
import { Traffic } from '../support/traffic.js'

let kafka: LocalKafka
const members = new TestMembers()
const traffic = new Traffic()
beforeAll(async () => {
  kafka = await startKafka({ own: true })
})
afterEach(async () => {
  await traffic.stop()
  await members.stopAll()
})
afterAll(() => kafka?.stop())

const unhandled: unknown[] = []
process.on('unhandledRejection', reason => unhandled.push(reason))

test('after a broker is killed and restarted, members have the same partitions, without gaps', async () => {
  const { brokers } = kafka
  const topic = await newTopic(4, brokers)
  const group = name('group')
  const options = { topic, group, kafka: { brokers }, maxWait: 100, sessionTimeout: 20_000 }
  const two = [await members.start(options), await members.start(options)]
  traffic.start(topic, brokers)
  await eventually(() => expect(two.map(m => m.held().length)).toEqual([2, 2]))
  await eventually(() => expect(traffic.written).toBeGreaterThan(100))
  const before = await two[0]!.consumer.describeGroup()

  await kafka.kill('SIGKILL')
  await eventually(() => {
    for (const { listener } of two) {
      const failed = new Set(listener.of('error').flatMap(e => e.partitions))
      expect([...listener.assigned].every(p => failed.has(p))).toBe(true)
    }
    expect(traffic.failed).toBeGreaterThan(0)
  })
  await kafka.restart()

  const { written } = traffic
  await eventually(() => expect(traffic.written).toBeGreaterThan(written + 100))
  await traffic.stop()
  await eventually(() => {
    expect(two.map(m => m.held().length)).toEqual([2, 2])
    const records = two.flatMap(m =>
      m.listener.records.map(r => `${r.partition}/${r.record.offset}`),
    )
    expect(new Set(records).size).toBeGreaterThanOrEqual(traffic.written)
  })
  for (const { listener } of two) {
    expect(listener.violations).toEqual([])
    expect(listener.gaps).toEqual([])
  }
  const after = await two[0]!.consumer.describeGroup()
  expect(after.members.map(m => m.memberId).sort()).toEqual(
    before.members.map(m => m.memberId).sort(),
  )
  expect(unhandled).toEqual([])
})

test('a member waits for a broker that is down at its start, and logs the address', async () => {
  const { brokers } = kafka
  const topic = await newTopic(2, brokers)
  await kafka.kill('SIGKILL')
  const { held, logger } = await members.start({ topic, group: name('group'), kafka: { brokers } })
  await eventually(() =>
    expect(logger.lines).toContainEqual(
      expect.stringContaining(`nothing listens at ${brokers[0]}`),
    ),
  )
  await kafka.restart()
  await eventually(() => expect(held()).toEqual([0, 1]))
  // An outage is logged occasionally, not for each attempt.
  expect(logger.lines.filter(line => line.includes('nothing listens')).length).toBeLessThanOrEqual(
    3,
  )
})

test('sends to a hanging broker time out, and succeed again when it resumes', async () => {
  const { brokers } = kafka
  const topic = await newTopic(1, brokers)
  const sender = newSender(topic, brokers, 1_000)
  const send = () => sender.send(Buffer.from('k'), [Buffer.from('v')])
  await send()
  kafka.pause()
  try {
    // On a busy machine the broker may answer once more before it stops.
    await eventually(() => expect(send()).rejects.toThrow(/within 1 s/))
    for (let i = 0; i < 2; i++) await expect(send()).rejects.toThrow(/within 1 s/)
  } finally {
    kafka.resume()
  }
  await eventually(send)
  await sender.disconnect()
  expect(unhandled).toEqual([])
})

test('a member keeps its positions while a broker hangs', async () => {
  const { brokers } = kafka
  const topic = await newTopic(2, brokers)
  const options = {
    topic,
    group: name('group'),
    kafka: { brokers, requestTimeout: 500 },
    maxWait: 100,
  }
  const { listener, held } = await members.start(options)
  traffic.start(topic, brokers)
  await eventually(() => expect(listener.records.length).toBeGreaterThan(50))
  kafka.pause()
  try {
    await eventually(() =>
      expect(listener.of('error').some(e => /did not respond/.test(e.message))).toBe(true),
    )
  } finally {
    kafka.resume()
  }
  const seen = listener.records.length
  await eventually(() => expect(listener.records.length).toBeGreaterThan(seen + 50))
  await eventually(() => expect(held()).toEqual([0, 1]))
  expect(listener.violations).toEqual([])
  expect(listener.gaps).toEqual([])
})
