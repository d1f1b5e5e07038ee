import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic, TestMembers } from '../support/kafka.js'
import { type Program, Programs } from '../support/program.js'
import type { Sample } from '../support/programs/member.js'

const SESSION_MS = 6_000
const members = new TestMembers()
const programs = new Programs()
let child: Program | undefined
afterEach(async () => {
  await child?.kill()
  child = undefined
  await members.stopAll()
})
afterAll(() => programs.remove())

/**
 * Starts a member in its own process.
 *
 * @returns the partitions that it could serve, per turn of its event loop
 */
async function startChild(
  topic: string,
  group: string,
  brokers = inject('brokers'),
  ...more: string[]
): Promise<Sample[]> {
  const args = [brokers.join(','), topic, group, String(SESSION_MS), ...more]
  child = await programs.start('member.ts', args)
  return child.messages as Sample[]
}

test('a member that was suspended beyond its session timeout has no lease when it continues', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const samples = await startChild(topic, group)
  await eventually(() => expect(samples.at(-1)?.held).toEqual([0, 1, 2, 3]))
  const heir = await members.start({ topic, group, sessionTimeout: SESSION_MS })
  await eventually(() => {
    expect(samples.at(-1)?.held).toHaveLength(2)
    expect(heir.held()).toHaveLength(2)
  })

  child!.child.kill('SIGSTOP')
  await eventually(() => expect(heir.held()).toEqual([0, 1, 2, 3]))
  const before = samples.length
  child!.child.kill('SIGCONT')
  await eventually(() => expect(samples.length).toBeGreaterThan(before))

  // The first sample, from a turn or from a call of the listener, shows the pause and no lease.
  const [first] = samples.slice(before)
  expect(first).toMatchObject({ held: [] })
  expect(first!.away).toBeGreaterThan(1_000)

  // It joins the group again.
  await eventually(() => {
    expect(samples.at(-1)?.held).toHaveLength(2)
    expect(heir.held()).toHaveLength(2)
  })
  expect([...samples.at(-1)!.held, ...heir.held()].sort()).toEqual([0, 1, 2, 3])
})

test('a member that was suspended during the end of a rebalance has no lease until it has the assignment', async () => {
  const topic = await newTopic(6)
  const group = name('group')
  // The leader learns of the rebalance late. By then the child has joined again and waits.
  const leader = await members.start({
    topic,
    group,
    sessionTimeout: SESSION_MS,
    heartbeatInterval: 1_500,
  })
  await eventually(() => expect(leader.held()).toHaveLength(6))
  const samples = await startChild(topic, group)
  await eventually(() => {
    expect(samples.at(-1)?.held).toHaveLength(3)
    expect(leader.held()).toHaveLength(3)
  })
  leader.listener.atRebalancing = () => child!.child.kill('SIGSTOP')
  const third = await members.start({ topic, group, sessionTimeout: SESSION_MS })
  await eventually(() => {
    expect(third.held().length).toBeGreaterThan(1)
    expect(leader.held().length).toBeGreaterThan(1)
  })
  const before = samples.length
  child!.child.kill('SIGCONT')
  await eventually(() => expect(samples.length).toBeGreaterThan(before))
  expect(samples[before]).toMatchObject({ held: [] })
})

test('a member that is cut off from Kafka while another one takes its instance id serves no longer than its lease', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const samples = await startChild(topic, group, undefined, 'instance=one')
  await eventually(() => expect(samples.at(-1)?.held).toEqual([0, 1, 2, 3]))
  child!.child.send('cut off')
  const successor = await members.start({
    topic,
    group,
    instanceId: 'one',
    sessionTimeout: SESSION_MS,
  })
  await eventually(() => expect(successor.held()).toEqual([0, 1, 2, 3]))
  // Both serve until then: the first cannot learn of the second.
  await eventually(() => expect(samples.at(-1)?.held).toEqual([]))
  const since = samples.slice(samples.findIndex(({ cause }) => cause === 'cut off'))
  const ended = since.find(({ held }) => held.length === 0)!
  // The check before that one was the last in which it could serve.
  expect(ended.wall - ended.away - since[0]!.wall).toBeLessThanOrEqual(SESSION_MS + 100)
  expect(successor.held()).toEqual([0, 1, 2, 3])
})

describe('with a broker that hangs', () => {
  let kafka: LocalKafka
  beforeAll(async () => {
    kafka = await startKafka({ own: true })
  })
  afterAll(() => kafka?.stop())

  test('a lease starts when its heartbeat is sent, not when the response arrives', async () => {
    const { brokers } = kafka
    const topic = await newTopic(1, brokers)
    const { consumer, held } = await members.start({
      topic,
      group: name('group'),
      kafka: { brokers },
      sessionTimeout: SESSION_MS,
    })
    await eventually(() => expect(held()).toEqual([0]))
    kafka.pause()
    let resumed: number
    try {
      await eventually(() =>
        expect(consumer.leaseUntil() - performance.now()).toBeLessThan(SESSION_MS - 800),
      )
    } finally {
      resumed = performance.now()
      kafka.resume()
    }
    const before = consumer.leaseUntil()
    // The next heartbeat follows the late response at once, so every turn is checked.
    while (consumer.leaseUntil() < before + 10) await new Promise(resolve => setImmediate(resolve))
    expect(consumer.leaseUntil()).toBeLessThan(resumed + SESSION_MS)
  })

  test('a heartbeat response that arrives too late does not extend the lease', async () => {
    const { brokers } = kafka
    const topic = await newTopic(4, brokers)
    const group = name('group')
    const samples = await startChild(topic, group, brokers)
    await eventually(() => expect(samples.at(-1)?.held).toEqual([0, 1, 2, 3]))
    const heir = await members.start({
      topic,
      group,
      kafka: { brokers },
      sessionTimeout: SESSION_MS,
    })
    await eventually(() => {
      expect(samples.at(-1)?.held).toHaveLength(2)
      expect(heir.held()).toHaveLength(2)
    })

    // While the broker hangs, both members have a heartbeat in flight. The child is suspended when
    // it is answered.
    kafka.pause()
    try {
      const left = () => heir.consumer.leaseUntil() - performance.now()
      await eventually(() => expect(left()).toBeLessThan(SESSION_MS - 800))
      child!.child.kill('SIGSTOP')
    } finally {
      kafka.resume()
    }
    await eventually(() => expect(heir.held()).toEqual([0, 1, 2, 3]))
    const before = samples.length
    child!.child.kill('SIGCONT')
    await eventually(() => expect(samples.slice(before).some(s => s.held.length > 0)).toBe(true))
    const since = samples.slice(before)
    const assigned = since.findIndex(s => s.cause === 'assignment')
    expect(assigned).toBeGreaterThan(-1)
    expect(since.slice(0, assigned).filter(s => s.held.length > 0)).toEqual([])
  })
})
