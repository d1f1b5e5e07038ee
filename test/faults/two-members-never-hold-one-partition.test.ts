import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newTopic, type TestMember, TestMembers } from '../support/kafka.js'

const members = new TestMembers()
afterEach(() => members.stopAll())

test('two members never have a lease of the same partition, however often members join and leave', async () => {
  const topic = await newTopic(7)
  const group = name('group')
  const present = new Set<TestMember>()
  const overlaps: string[] = []
  let checks = 0
  const check = () => {
    checks++
    const owners = new Map<number, TestMember>()
    for (const member of present) {
      for (const partition of member.held()) {
        if (owners.has(partition)) overlaps.push(`${partition} at ${performance.now()}`)
        owners.set(partition, member)
      }
    }
  }
  const timer = setInterval(check, 1)
  try {
    const join = async () => {
      const member = await members.start({ topic, group, maxWait: 100, heartbeatInterval: 100 })
      present.add(member)
      return member
    }
    const allAssigned = () =>
      expect([...present].flatMap(member => member.held()).sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    for (let round = 0; round < 6; round++) {
      const joining = [join(), join()]
      // In every other round, members leave before the rebalance has ended.
      if (round % 2 === 0) await eventually(allAssigned)
      await Promise.all(joining)
      await eventually(allAssigned)
      const leaving = [...present].slice(0, 1 + (round % 2))
      await Promise.all(leaving.map(member => member.stop()))
      for (const member of leaving) present.delete(member)
      await eventually(allAssigned)
    }
  } finally {
    clearInterval(timer)
  }
  expect(overlaps).toEqual([])
  expect(checks).toBeGreaterThan(100)
})
