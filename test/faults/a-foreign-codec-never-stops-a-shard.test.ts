import kafkajs from 'kafkajs'
import { afterEach, beforeAll, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { foreignCodecs } from '../support/foreign-codecs.js'
import { name, TestMembers } from '../support/kafka.js'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs
const members = new TestMembers()
afterEach(() => members.stopAll())

// The producer of this test stands for a foreign one, which may use any codec.
beforeAll(() => {
  for (const [type, compress] of Object.entries(foreignCodecs)) {
    CompressionCodecs[Number(type) as keyof typeof CompressionCodecs] = () => ({
      compress: async (encoder: { buffer: Buffer }) => compress(encoder.buffer),
      decompress: async () => {
        throw new Error('a consumer must not use the codecs that an app has registered')
      },
    })
  }
})

async function withProducer(
  work: (producer: kafkajs.Producer, topic: string) => Promise<void>,
): Promise<string> {
  const kafka = new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING })
  const topic = name('foreign')
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [
    { name: 'compression.type', value: 'producer' },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ]
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: 2, configEntries }],
  })
  await admin.disconnect()
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  await work(producer, topic)
  await producer.disconnect()
  return topic
}

const good = (value: string) => ({ partition: 0, key: 'k', value })

test('records with an unsupported codec are passed on as unreadable, and all other records arrive', async () => {
  const topic = await withProducer(async (producer, topic) => {
    await producer.send({ topic, messages: [good('before')] })
    for (const [compression, records] of [
      [CompressionTypes.LZ4, 3],
      [CompressionTypes.LZ4, 1],
      [CompressionTypes.LZ4, 150],
    ]) {
      const messages = Array.from({ length: records! }, (_, i) => good(`${i}`.repeat(1_000)))
      await producer.send({ topic, compression, messages })
      await producer.send({ topic, messages: [good('between')] })
    }
    await producer.send({ topic, messages: [{ partition: 1, value: 'elsewhere' }] })
  })
  const { listener, logger } = await members.start({ topic, group: name('group') })
  await eventually(() => expect(listener.caughtUp).toEqual([0, 1]))
  const of = (partition: number) =>
    listener.records.filter(r => r.partition === partition).map(r => r.record)
  expect(of(0).map(r => r.offset)).toEqual(Array.from({ length: 158 }, (_, offset) => offset))
  expect(of(0).filter(r => r.unreadable === 'codec')).toHaveLength(154)
  expect(
    of(0)
      .filter(r => r.unreadable)
      .every(r => r.value === null && r.timestamp > 1_600_000_000_000),
  ).toBe(true)
  expect(
    of(0)
      .filter(r => !r.unreadable)
      .map(r => r.value?.toString()),
  ).toEqual(['before', 'between', 'between', 'between'])
  expect(of(1).map(r => r.value?.toString())).toEqual(['elsewhere'])
  expect(listener.violations).toEqual([])
  expect(logger.lines).toContainEqual(expect.stringMatching(/lz4.*compression\.type=uncompressed/))
})

test('records with a supported codec are read', async () => {
  const hasZstd = 'zstdDecompress' in (await import('node:zlib'))
  const topic = await withProducer(async (producer, topic) => {
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [good('gzip'), good('again')],
    })
    await producer.send({
      topic,
      compression: CompressionTypes.Snappy,
      messages: [good('snappy'), good('s'.repeat(200_000))],
    })
    await producer.send({ topic, compression: CompressionTypes.ZSTD, messages: [good('zstd')] })
  })
  const { listener } = await members.start({ topic, group: name('group') })
  await eventually(() => expect(listener.caughtUp).toEqual([0, 1]))
  const values = listener.records.map(r => r.record.value?.toString() ?? r.record.unreadable)
  expect(values).toEqual([
    'gzip',
    'again',
    'snappy',
    's'.repeat(200_000),
    hasZstd ? 'zstd' : 'codec',
  ])
})

test('a gzip bomb costs at most the inflate limit: its records are unreadable, and the next one arrives', async () => {
  const topic = await withProducer(async (producer, topic) => {
    await producer.send({ topic, messages: [good('before')] })
    const bomb = Array.from({ length: 5 }, () => ({
      partition: 0,
      value: Buffer.alloc(20_000_000),
    }))
    await producer.send({ topic, compression: CompressionTypes.GZIP, messages: bomb })
    await producer.send({ topic, messages: [good('after')] })
  })
  const before = process.memoryUsage().rss
  const { listener, logger } = await members.start({
    topic,
    group: name('group'),
    inflateLimit: 16 << 20,
  })
  await eventually(() => expect(listener.caughtUp).toEqual([0, 1]))
  expect(listener.records.map(r => r.record.unreadable ?? r.record.value?.toString())).toEqual([
    'before',
    ...Array.from({ length: 5 }, () => 'codec'),
    'after',
  ])
  expect(logger.lines).toContainEqual(expect.stringMatching(/inflates to more than 16777216 bytes/))
  // The whole batch would inflate to 100 MB.
  expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000)
})
