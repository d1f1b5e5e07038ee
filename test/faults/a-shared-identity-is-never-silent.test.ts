import { hostname } from 'node:os'
import { Gauge, Registry } from 'prom-client'
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { createPublisher } from '../../producer/index.js'
import { readTopic } from '../producer/read-topic.js'
import { eventually } from '../support/eventually.js'
import { newTopic, recordingLogger } from '../support/kafka.js'
import { Programs } from '../support/program.js'

const brokers = inject('brokers')
const programs = new Programs()
afterAll(() => programs.remove())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function startWorkers(topic: string, instance?: string) {
  const options = JSON.stringify({ mode: 'workers', brokers, topic, instance })
  const program = await programs.start('publishing-app.ts', [options])
  cleanups.push(() => program.kill())
  return program
}

describe('publishers with one identity', () => {
  test('each say in their log that others publish with it', async () => {
    const topic = await newTopic(3)
    const { messages } = await startWorkers(topic, 'same')
    const all =
      /^3 runs publish as \{instance="same", job="app"\}, and only the newest is exposed: /
    await eventually(() => {
      const told = messages.filter(message => all.test(String(message))).map(String)
      expect(told).toHaveLength(3)
      expect(told.filter(message => message.includes('exposed: this one'))).toHaveLength(1)
    })
  })

  test('of one process are told at the start, and one that replaces another is not', async () => {
    const topic = await newTopic(1)
    const logger = recordingLogger()
    const start = async () => {
      const register = new Registry()
      new Gauge({ name: 'a', help: 'a', registers: [register] }).set(1)
      const options = { register, brokers, topic, job: 'shop', instance: 'a', logger }
      const publisher = createPublisher({ ...options, interval: '1s' })
      cleanups.push(() => publisher.stop(0))
      await publisher.start()
      return publisher
    }
    const reader = await readTopic(brokers, topic)
    cleanups.push(reader.stop)
    const first = await start()
    await eventually(() => expect(reader.records.length).toBeGreaterThan(1))
    await first.stop()
    await start()
    const read = reader.records.length
    await eventually(() => expect(reader.records.length).toBeGreaterThan(read + 5))
    expect(logger.lines).toEqual([])
    await start()
    const same = 'as {instance="a", job="shop"}, and only the newest is exposed'
    expect(logger.lines).toEqual([
      `warn another publisher of this process publishes ${same}; give each an instance of its own`,
    ])
  })
})

test('workers of a cluster are targets of their own by default', async () => {
  const topic = await newTopic(1)
  const { messages } = await startWorkers(topic)
  const reader = await readTopic(brokers, topic)
  cleanups.push(reader.stop)
  await eventually(() => {
    const instances = reader.records.map(
      ({ header }) => header.target.find(({ name }) => name === 'instance')?.value,
    )
    expect([...new Set(instances)].sort()).toEqual([1, 2, 3].map(id => `${hostname()}-${id}`))
  })
  expect(messages).toEqual([])
})
