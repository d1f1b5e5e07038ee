import { afterEach, expect, test } from 'vitest'
import { replayWindow } from '../../shared/kafka/start.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, TestMembers } from '../support/kafka.js'
import { Traffic } from '../support/traffic.js'

const members = new TestMembers()
const traffic = new Traffic()
afterEach(async () => {
  await traffic.stop()
  await members.stopAll()
})

test('the first record of a partition is the one at the start of its replay', async () => {
  const topic = await newTopic(4)
  const sender = newSender(topic)
  for (let i = 0; i < 400; i++) await sender.send(Buffer.from(`old-${i}`), [Buffer.alloc(2_000)])
  await sender.disconnect()
  traffic.start(topic)

  // The first records are outside of the short replay window, so that reading from another offset
  // is detected.
  for (let round = 0; round < 5; round++) {
    const { listener, stop } = await members.start({
      topic,
      group: name('group'),
      start: replayWindow(50),
      maxWait: 100,
    })
    await eventually(() => expect(listener.caughtUp).toEqual([0, 1, 2, 3]))
    await eventually(() => expect(new Set(listener.records.map(r => r.partition)).size).toBe(4))
    await stop()
    expect(listener.violations).toEqual([])
    expect(listener.gaps).toEqual([])
    for (const { partition, from } of listener.of('replay')) {
      expect(from).toBeGreaterThan(0)
      expect(listener.records.find(r => r.partition === partition)!.record.offset).toBe(from)
    }
  }
})
