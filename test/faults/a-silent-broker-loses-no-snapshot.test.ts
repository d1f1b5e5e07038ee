import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { createPublisher } from '../../producer/index.js'
import { tailTopic } from '../../shared/kafka/tail.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic, silent, TestMembers } from '../support/kafka.js'

/*
 * A fake stands for brokers that accept connections and never respond, as a suspended machine or a
 * load balancer without backends does. It stands first in the list, at the place where the client
 * begins.
 */

let mute: Server
const sockets = new Set<Socket>()
let brokers: string[]
const members = new TestMembers()

beforeAll(async () => {
  mute = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
  const { port } = mute.address() as AddressInfo
  brokers = [`127.0.0.1:${port}`, ...inject('brokers')]
})
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))
afterEach(async () => {
  vi.restoreAllMocks()
  await members.stopAll()
})
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  mute?.close()
})

test('a short job with a silent bootstrap broker loses no snapshot', async () => {
  const topic = await newTopic(1)
  const records: number[] = []
  const kafka = { brokers: inject('brokers') }
  const tail = await tailTopic(kafka, topic, { from: 'earliest' }, (_, { offset }) => {
    records.push(offset)
  })
  try {
    const job = createPublisher({
      register: new Registry(),
      brokers,
      topic,
      job: 'short',
      instance: 'a',
      interval: '15s',
      logger: silent,
    })
    await job.start()
    await job.stop()
    // The first snapshot and the end.
    await eventually(() => expect(records.length).toBeGreaterThanOrEqual(1))
    expect(sockets.size).toBeGreaterThan(0)
  } finally {
    await tail.stop()
  }
})

test('a member with a silent bootstrap broker is assigned its partitions before the connection times out', async () => {
  const topic = await newTopic(2)
  const { held } = await members.start({
    topic,
    group: name('group'),
    kafka: { brokers, connectionTimeout: 600_000 },
  })
  // A small part of the connection timeout.
  await eventually(() => expect(held()).toEqual([0, 1]))
})
