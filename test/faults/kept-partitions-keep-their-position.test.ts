import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newTopic, TestMembers } from '../support/kafka.js'
import { Traffic } from '../support/traffic.js'

const members = new TestMembers()
const traffic = new Traffic()
afterEach(async () => {
  await traffic.stop()
  await members.stopAll()
})

test('a rebalance never makes a member skip or repeat records of kept partitions', async () => {
  const topic = await newTopic(6)
  const group = name('group')
  const steady = await members.start({ topic, group, maxWait: 100 })
  traffic.start(topic)
  await eventually(() => expect(steady.listener.records.length).toBeGreaterThan(100))

  for (let round = 0; round < 4; round++) {
    const visitor = await members.start({ topic, group, maxWait: 100 })
    await eventually(() => {
      expect(visitor.held()).toHaveLength(3)
      expect(steady.held()).toHaveLength(3)
      expect(visitor.listener.caughtUp).toHaveLength(3)
    })
    const seen = steady.listener.records.length
    await eventually(() => expect(steady.listener.records.length).toBeGreaterThan(seen))
    await visitor.stop()
    await eventually(() => expect(steady.held()).toHaveLength(6))
    expect(visitor.listener.violations).toEqual([])
    expect(visitor.listener.gaps).toEqual([])
  }
  await traffic.stop()
  await eventually(() => {
    for (const { next, highWatermark } of steady.listener.fetched.values())
      expect(next).toBe(highWatermark)
    expect(steady.listener.fetched.size).toBe(6)
  })
  expect(steady.listener.violations).toEqual([])
  expect(steady.listener.gaps).toEqual([])
  // At least half of the partitions were kept in every round, and all others were replayed.
  const changes = steady.listener.of('assignment')
  expect(Math.min(...changes.slice(1).map(({ kept }) => kept.length))).toBe(3)
  const ends = [...steady.listener.fetched.values()].reduce(
    (sum, { highWatermark }) => sum + highWatermark,
    0,
  )
  const offsets = new Set(steady.listener.records.map(r => `${r.partition}/${r.record.offset}`))
  expect(offsets.size).toBe(ends)
})
