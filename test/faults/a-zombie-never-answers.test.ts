import { afterAll, afterEach, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newTopic, TestMembers } from '../support/kafka.js'
import { Programs } from '../support/program.js'
import type { Sample } from '../support/programs/member.js'

const members = new TestMembers()
const programs = new Programs()
afterEach(() => members.stopAll())
afterAll(() => programs.remove())

const SESSION_MS = 6_000

test('a zombie never answers: stopped for longer than its session, it has no lease when it continues', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const zombie = await programs.start('member.ts', [
    inject('brokers').join(','),
    topic,
    group,
    String(SESSION_MS),
  ])
  try {
    const samples = zombie.messages as Sample[]
    await eventually(() => expect(samples.at(-1)?.held).toEqual([0, 1, 2, 3]))
    const heir = await members.start({ topic, group, sessionTimeout: SESSION_MS })
    await eventually(() => {
      expect(samples.at(-1)?.held).toHaveLength(2)
      expect(heir.held()).toHaveLength(2)
    })

    zombie.child.kill('SIGSTOP')
    await eventually(() => expect(heir.held()).toEqual([0, 1, 2, 3]))
    const before = samples.length
    zombie.child.kill('SIGCONT')
    await eventually(() => expect(samples.length).toBeGreaterThan(before))

    // Whatever it did first, a turn of its loop or a call of its listener: it knew that it had been away.
    const [first] = samples.slice(before)
    expect(first).toMatchObject({ held: [] })
    expect(first!.away).toBeGreaterThan(1_000)

    // It comes back as what it was before, and nobody ever had what the other one had.
    await eventually(() => {
      expect(samples.at(-1)?.held).toHaveLength(2)
      expect(heir.held()).toHaveLength(2)
    })
    expect([...samples.at(-1)!.held, ...heir.held()].sort()).toEqual([0, 1, 2, 3])
  } finally {
    await zombie.kill()
  }
})
