import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newTopic, type TestMember, TestMembers } from '../support/kafka.js'

const members = new TestMembers()
afterEach(() => members.stopAll())

test('two members never hold one partition, however often members come and go', async () => {
  const topic = await newTopic(7)
  const group = name('group')
  const present = new Set<TestMember>()
  const overlaps: string[] = []
  let looks = 0
  const look = () => {
    looks++
    const owners = new Map<number, TestMember>()
    for (const member of present) {
      for (const partition of member.held()) {
        if (owners.has(partition)) overlaps.push(`${partition} at ${performance.now()}`)
        owners.set(partition, member)
      }
    }
  }
  const watch = setInterval(look, 1)
  try {
    const join = async () => {
      const member = await members.start({ topic, group, maxWait: 100, heartbeatInterval: 100 })
      present.add(member)
      return member
    }
    const settled = () =>
      expect([...present].flatMap(member => member.held()).sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    for (let round = 0; round < 6; round++) {
      const joining = [join(), join()]
      // Now and then somebody comes before the last change is over.
      if (round % 2 === 0) await eventually(settled)
      await Promise.all(joining)
      await eventually(settled)
      const leaving = [...present].slice(0, 1 + (round % 2))
      await Promise.all(leaving.map(member => member.stop()))
      for (const member of leaving) present.delete(member)
      await eventually(settled)
    }
  } finally {
    clearInterval(watch)
  }
  expect(overlaps).toEqual([])
  expect(looks).toBeGreaterThan(100)
})
