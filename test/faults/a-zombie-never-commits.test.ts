import kafkajs from 'kafkajs'
import { afterAll, afterEach, expect, inject, test } from 'vitest'
import { committed } from '../../shared/kafka/start.js'
import { eventually } from '../support/eventually.js'
import {
  name,
  newTopic,
  RecordingListener,
  type TestMember,
  TestMembers,
} from '../support/kafka.js'
import { type Program, Programs } from '../support/program.js'
import type { Sample } from '../support/programs/member.js'
import { Traffic } from '../support/traffic.js'

const SESSION_MS = 6_000
const members = new TestMembers()
const programs = new Programs()
const traffic = new Traffic()
const admin = new kafkajs.Kafka({
  brokers: inject('brokers'),
  logLevel: kafkajs.logLevel.NOTHING,
}).admin()
let child: Program | undefined
afterEach(async () => {
  await traffic.stop()
  await child?.kill()
  await members.stopAll()
})
afterAll(async () => {
  await admin.disconnect()
  programs.remove()
})

test('a suspended member that continues never lowers the offsets that its successor has committed', async () => {
  const topic = await newTopic(1)
  const group = name('group')
  await admin.connect()
  const committedNow = async () => {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    return Number(found!.partitions[0]!.offset)
  }
  child = await programs.start('member.ts', [
    inject('brokers').join(','),
    topic,
    group,
    String(SESSION_MS),
    'commits',
  ])
  const samples = child.messages as Sample[]
  traffic.start(topic)
  await eventually(() => expect(samples.at(-1)?.held).toEqual([0]))
  await eventually(async () => expect(await committedNow()).toBeGreaterThan(0))

  child.child.kill('SIGSTOP')
  // A commit that was sent before may still be in flight.
  let stopped = await committedNow()
  await eventually(async () => {
    const before = stopped
    stopped = await committedNow()
    expect(stopped).toBe(before)
  })
  let heir: TestMember | undefined
  const listener: RecordingListener = new RecordingListener(partition =>
    heir?.consumer.commit(partition, listener.positions.get(partition)!),
  )
  heir = await members.start({
    topic,
    group,
    start: committed(),
    commits: true,
    sessionTimeout: SESSION_MS,
    listener,
  })
  await eventually(async () => expect(await committedNow()).toBeGreaterThan(stopped))
  // The successor starts at the committed offset.
  expect(listener.of('replay')[0]!.from).toBe(stopped)

  const before = samples.length
  child.child.kill('SIGCONT')
  let last = await committedNow()
  const seen: number[] = [last]
  await eventually(async () => {
    seen.push(await committedNow())
    expect(samples.slice(before).some(({ cause }) => cause === 'assignment')).toBe(true)
    expect(seen.length).toBeGreaterThan(20)
  })
  for (const offset of seen) {
    expect(offset).toBeGreaterThanOrEqual(last)
    last = offset
  }
  expect(heir.held()).toEqual([0])
})
