import { afterEach, expect, inject, test } from 'vitest'
import { type Tail, type TailOptions, tailTopic } from '../../shared/kafka/tail.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { eventually } from '../support/eventually.js'
import { newSender, newTopic } from '../support/kafka.js'

const tails: Tail[] = []
afterEach(async () => {
  await Promise.all(tails.splice(0).map(tail => tail.stop()))
})

async function tail(topic: string, options: TailOptions) {
  const values: string[] = []
  const caughtUp: number[] = []
  const times: number[] = []
  const onRecord = (_: number, record: LogRecord) => {
    values.push(record.value!.toString())
    times.push(record.timestamp)
  }
  const all = { onCaughtUp: (partition: number) => caughtUp.push(partition), ...options }
  tails.push(await tailTopic({ brokers: inject('brokers') }, topic, all, onRecord))
  return { values, times, caughtUp }
}

async function write(topic: string, ...values: string[]): Promise<void> {
  const sender = newSender(topic)
  for (const value of values) await sender.send(Buffer.from('k'), [Buffer.from(value)])
  await sender.disconnect()
}

test('from earliest all existing and new records are read', async () => {
  const topic = await newTopic(1)
  await write(topic, 'a', 'b')
  const { values, caughtUp } = await tail(topic, { from: 'earliest' })
  await eventually(() => expect(caughtUp).toEqual([0]))
  expect(values).toEqual(['a', 'b'])
  await write(topic, 'c')
  await eventually(() => expect(values).toEqual(['a', 'b', 'c']))
})

test('from latest only new records are read', async () => {
  const topic = await newTopic(1)
  await write(topic, 'a', 'b')
  const { values, caughtUp } = await tail(topic, {})
  await eventually(() => expect(caughtUp).toEqual([0]))
  await write(topic, 'c')
  await eventually(() => expect(values).toEqual(['c']))
})

test('from an offset or a time all records at or after it are read', async () => {
  const topic = await newTopic(1)
  await write(topic, 'a', 'b')
  const before = await tail(topic, { from: 'earliest' })
  await eventually(() => expect(before.values).toEqual(['a', 'b']))
  // The next record has to be appended in a later millisecond of the same clock.
  const since = before.times[1]! + 1
  await eventually(() => expect(Date.now()).toBeGreaterThanOrEqual(since))
  await write(topic, 'c')
  const byOffset = await tail(topic, { from: { offset: 1 } })
  const byTime = await tail(topic, { from: { since } })
  await eventually(() => expect([byOffset.caughtUp, byTime.caughtUp]).toEqual([[0], [0]]))
  expect(byOffset.values).toEqual(['b', 'c'])
  expect(byTime.values).toEqual(['c'])
})

test('a missing topic is rejected at once, with what to do', async () => {
  await expect(
    tailTopic({ brokers: inject('brokers') }, 'no-such-topic', {}, () => {}),
  ).rejects.toThrow(/topic create/)
})
