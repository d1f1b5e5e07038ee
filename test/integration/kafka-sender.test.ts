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

test('a key goes where the Java client would put it, with the time at which the broker appended it', async () => {
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

test('the parts of a snapshot are neighbours in one partition, in their order', async () => {
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

test('a snapshot of more parts than one batch may hold is written all the same', async () => {
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

test('a topic that does not exist is an error that says how to make it', async () => {
  const sender = newSender(name('missing'))
  await expect(sender.connect()).rejects.toThrow(/does not exist.*kafka-exposer topic create/)
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(/does not exist/)
  await sender.disconnect()
})

test('a broker that is not there is an error that names it', async () => {
  const sender = newSender('any', ['127.0.0.1:1'])
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(
    /nothing listens at 127\.0\.0\.1:1/,
  )
  await sender.disconnect()
})

test('after it was disconnected a sender refuses instead of waiting', async () => {
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
