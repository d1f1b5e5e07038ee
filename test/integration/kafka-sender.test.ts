import { afterEach, expect, inject, test } from 'vitest'
import { partitionFor } from '../../shared/base/murmur2.js'
import { createSender } from '../../shared/kafka/sender.js'
import { type Tail, tailTopic } from '../../shared/kafka/tail.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, silent } from '../support/kafka.js'

const tails: Tail[] = []
afterEach(async () => {
  await Promise.all(tails.splice(0).map(tail => tail.stop()))
})

async function readAll(topic: string): Promise<{ partition: number; record: LogRecord }[]> {
  const records: { partition: number; record: LogRecord }[] = []
  const onRecord = (partition: number, record: LogRecord) => {
    records.push({ partition, record })
  }
  tails.push(await tailTopic({ brokers: inject('brokers') }, topic, { from: 'earliest' }, onRecord))
  return records
}

test('a record is on the partition that the Java client would choose, with its append time', async () => {
  const topic = await newTopic(12)
  const sender = newSender(topic)
  const keys = Array.from({ length: 40 }, (_, i) => Buffer.from(`instance\0host-${i}\0job\0api\0`))
  const started = Date.now()
  for (const key of keys) await sender.send(key, [Buffer.from(`of ${key}`)])
  await sender.disconnect()
  const records = await readAll(topic)
  await eventually(() => expect(records).toHaveLength(40))
  for (const { partition, record } of records) {
    expect(partition).toBe(partitionFor(record.key!, 12))
    expect(record.value!.toString()).toBe(`of ${record.key}`)
    expect(record.timestamp).toBeGreaterThanOrEqual(started - 1_000)
  }
})

test('the parts of a snapshot are consecutive in one partition, in their order', async () => {
  const topic = await newTopic(3)
  const sender = newSender(topic)
  const key = Buffer.from('job\0api\0')
  await sender.send(key, [Buffer.from('part 0'), Buffer.from('part 1'), Buffer.from('part 2')])
  await sender.disconnect()
  const records = await readAll(topic)
  await eventually(() =>
    expect(records.map(r => r.record.value!.toString())).toEqual(['part 0', 'part 1', 'part 2']),
  )
  expect(records.map(r => r.record.offset)).toEqual([0, 1, 2])
})

test('a snapshot with more parts than fit into one batch is written completely', async () => {
  const topic = await newTopic(1)
  const sender = newSender(topic)
  const parts = Array.from({ length: 12 }, (_, i) => Buffer.alloc(256 * 1024, i))
  await sender.send(Buffer.from('job\0big\0'), parts)
  await sender.disconnect()
  const records = await readAll(topic)
  await eventually(() => expect(records).toHaveLength(12))
  records.forEach(({ record }, i) => {
    expect(record.value!.length).toBe(256 * 1024)
    expect(record.value![0]).toBe(i)
  })
})

test('one call writes many keys, each to its partition and in its order', async () => {
  const topic = await newTopic(5)
  const sender = newSender(topic)
  const keys = Array.from({ length: 200 }, (_, i) =>
    Buffer.from(`instance\0host-${i % 100}\0job\0api\0`),
  )
  const entries = keys.map((key, i) => ({
    key,
    values: [Buffer.from(`${i}a`), Buffer.from(`${i}b`)],
  }))
  expect(new Set(await sender.sendAll(entries))).toEqual(new Set([null]))
  await sender.disconnect()
  const records = await readAll(topic)
  await eventually(() => expect(records).toHaveLength(400))
  for (const [i, key] of keys.slice(0, 100).entries()) {
    const own = records.filter(({ record }) => record.key!.equals(key))
    expect(new Set(own.map(({ partition }) => partition))).toEqual(new Set([partitionFor(key, 5)]))
    const values = [`${i}a`, `${i}b`, `${i + 100}a`, `${i + 100}b`]
    expect(own.map(({ record }) => String(record.value))).toEqual(values)
  }
})

test('a record that the broker refuses does not fail other partitions of the same request', async () => {
  const topic = await newTopic(2)
  const sender = newSender(topic)
  const keyOf = (partition: number) => {
    for (let i = 0; ; i++) {
      const key = Buffer.from(`instance\0${i}\0job\0api\0`)
      if (partitionFor(key, 2) === partition) return key
    }
  }
  const outcomes = await sender.sendAll([
    { key: keyOf(0), values: [Buffer.from('small')] },
    { key: keyOf(1), values: [Buffer.alloc(1_200_000)] },
  ])
  expect(outcomes[0]).toBeNull()
  expect(outcomes[1]).toMatchObject({ type: 'MESSAGE_TOO_LARGE', refusal: true })
  await sender.disconnect()
})

test('the error for a missing topic has the command that creates it', async () => {
  const sender = newSender(name('missing'))
  await expect(sender.connect()).rejects.toThrow(/does not exist.*kafka-exposer topic create/)
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(/does not exist/)
  await sender.disconnect()
})

test('the error for an unreachable broker names its address', async () => {
  const sender = newSender('any', ['127.0.0.1:1'])
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(
    /nothing listens at 127\.0\.0\.1:1/,
  )
  await sender.disconnect()
})

test('a disconnected sender rejects at once', async () => {
  const topic = await newTopic(1)
  const sender = createSender({
    kafka: { brokers: inject('brokers') },
    topic,
    logger: silent,
    sendTimeout: 60_000,
  })
  await sender.connect()
  await sender.disconnect()
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(/closed/)
})
