import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { systemClock } from '../../shared/base/clock.js'
import { Appender } from '../../shared/kafka/log/appender.js'
import { deleteBelow, logEnds } from '../../shared/kafka/log/ends.js'
import { followLog, LogLost, readLog } from '../../shared/kafka/log/follow.js'
import { createTopic } from '../../shared/kafka/topics.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { eventually } from '../support/eventually.js'
import { name, silent } from '../support/kafka.js'

const MIB = 1024 * 1024

let cluster: Cluster
let topic: string
const appenders: Appender[] = []
const ends: (() => Promise<void>)[] = []
beforeEach(async () => {
  const kafka = { brokers: inject('brokers') }
  cluster = new Cluster(kafka, silent)
  topic = name('log')
  await createTopic(kafka, { topic, key: 'pushes' })
})
afterEach(async () => {
  for (const appender of appenders.splice(0)) appender.close()
  await Promise.all(ends.splice(0).map(end => end()))
  cluster.close()
})

function appender(options: Partial<ConstructorParameters<typeof Appender>[0]> = {}): Appender {
  const made = new Appender({
    cluster,
    topic,
    timeout: 5_000,
    maxBatchBytes: MIB,
    ...options,
  })
  appenders.push(made)
  return made
}

const log = () => ({ cluster, topic, clock: systemClock, logger: silent })

function follow(from: number) {
  const seen = { records: [] as LogRecord[], lost: [] as string[], caughtUp: false }
  ends.push(
    followLog(log(), from, {
      onRecords: records => {
        seen.records.push(...records)
      },
      onFetched: (next, highWatermark) => {
        seen.caughtUp = next === highWatermark
      },
      onLost: reason => seen.lost.push(reason),
      onError() {},
    }),
  )
  return seen
}

async function readAll(from: number, until: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  await readLog(log(), { from, until }, more => void records.push(...more), {
    signal: new AbortController().signal,
    onError() {},
  })
  return records
}

test('records are appended in the order of the calls, each with its offset and its append time', async () => {
  const seen = follow(0)
  const log = appender()
  const values = Array.from({ length: 500 }, (_, i) => Buffer.from(`record ${i}`))
  const appended = await Promise.all(values.map(value => log.append(value)))
  expect(appended.map(({ offset }) => offset)).toEqual(values.map((_, i) => i))
  await eventually(() => expect(seen.records).toHaveLength(500))
  expect(seen.records.map(({ value }) => String(value))).toEqual(values.map(String))
  expect(seen.records.map(({ timestamp }) => timestamp)).toEqual(appended.map(({ time }) => time))
  // The first one is sent alone; those that arrive meanwhile share the second batch.
  expect(new Set(appended.slice(1).map(({ time }) => time)).size).toBe(1)
})

test('a record of 16 MiB is appended and read, and a larger one than the topic allows is refused alone', async () => {
  const log = appender()
  const large = Buffer.alloc(16 * MIB, 'large')
  const outcomes = await Promise.allSettled([
    log.append(Buffer.from('first')),
    log.append(large),
    log.append(Buffer.alloc(21 * MIB)),
    log.append(Buffer.from('last')),
  ])
  const offsets = outcomes.map(o => (o.status === 'fulfilled' ? o.value.offset : o.reason.message))
  expect(offsets).toEqual([0, 1, expect.stringContaining('refuse a record of 22020096 bytes'), 2])
  expect(outcomes[2]).toMatchObject({ reason: { maybeAppended: false } })
  const [first, second, third] = await readAll(0, 3)
  expect(String(first.value)).toBe('first')
  expect(second.value!.equals(large)).toBe(true)
  expect(String(third.value)).toBe('last')
})

test('a reader learns that records at its position were deleted, and that a log ends before it', async () => {
  const log = appender()
  for (let i = 0; i < 10; i++) await log.append(Buffer.from(`${i}`))
  await deleteBelow(cluster, topic, 6)
  expect(await logEnds(cluster, topic)).toEqual({ begin: 6, end: 10 })
  const before = follow(5)
  const at = follow(6)
  const beyond = follow(11)
  await eventually(() => {
    expect(at.records.map(({ value }) => String(value))).toEqual(['6', '7', '8', '9'])
    expect(before.lost).toEqual([expect.stringContaining('begins at offset 6, after offset 5')])
    expect(beyond.lost).toEqual([expect.stringContaining('before offset 11')])
  })
  expect([before.records, beyond.records, at.lost]).toEqual([[], [], []])
  await expect(readAll(0, 8)).rejects.toThrow(LogLost)
  // Nothing to delete is no error.
  await deleteBelow(cluster, topic, 2)
  expect(await readAll(7, 9)).toHaveLength(2)
})
