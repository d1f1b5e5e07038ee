import { beforeEach, describe, expect, test, vi } from 'vitest'
import { partitionFor } from '../../../shared/base/murmur2.js'
import { KafkaError } from '../../../shared/kafka/errors.js'
import { createSender } from '../../../shared/kafka/sender.js'
import type { ProduceRequest } from '../../../shared/kafka/wire/produce.js'
import { silent } from '../../support/kafka.js'

/**
 * A cluster of two brokers with scripted responses. Broker 1 leads partitions 0 and 2, broker 2
 * leads 1 and 3.
 */
const kafka = vi.hoisted(() => ({
  closed: false,
  lookedUp: 0,
  leaders: [1, 2, 1, 2],
  links: [] as { address: string; alive: boolean; close(): void }[],
  requests: [] as { address: string; own: boolean; values: Record<number, string[]> }[],
  answer: (_request: ProduceRequest): Map<number, Error> | Promise<Map<number, Error>> => new Map(),
}))

vi.mock('../../../shared/kafka/wire/cluster.js', () => ({
  REQUEST_TIMEOUT_MS: 5000,
  Cluster: class {
    async metadata(topic: string) {
      kafka.lookedUp++
      if (kafka.closed) throw new KafkaError('CLOSED', 'the client was closed')
      const partitions = kafka.leaders.map((leader, partition) => ({ partition, leader }))
      return { topic, brokers: 2, partitions }
    }
    linkToNode(id: number) {
      if (kafka.closed) throw new KafkaError('CLOSED', 'the client was closed')
      return { address: `broker-${id}`, alive: true, close() {} }
    }
    openLink(id: number) {
      const link = {
        address: `broker-${id}`,
        alive: true,
        own: true,
        close() {
          link.alive = false
        },
      }
      kafka.links.push(link)
      return link
    }
    close() {
      kafka.closed = true
    }
  },
}))

vi.mock('../../../shared/kafka/wire/produce.js', () => ({
  RECORD_OVERHEAD: 24,
  produce: async (
    { address, own }: { address: string; own?: boolean },
    request: ProduceRequest,
  ) => {
    const values = Object.fromEntries(
      [...request.partitions].map(([partition, records]) => [
        partition,
        records.map(r => String(r.value)),
      ]),
    )
    kafka.requests.push({ address, own: own === true, values })
    return kafka.answer(request)
  },
}))

beforeEach(() => {
  Object.assign(kafka, {
    closed: false,
    lookedUp: 0,
    leaders: [1, 2, 1, 2],
    links: [],
    requests: [],
  })
  kafka.answer = () => new Map()
})

/** Protocol errors as created by kafkajs. */
const protocolError = (type: string) =>
  Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type })

/** A key for each partition. */
const keys = [0, 1, 2, 3].map(partition => {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`instance\0${i}\0job\0api\0`)
    if (partitionFor(key, 4) === partition) return key
  }
})
const entry = (partition: number, ...values: string[]) => ({
  key: keys[partition],
  values: values.map(value => Buffer.from(value)),
})
const newSender = (options: { sendTimeout?: number; maxBatchBytes?: number } = {}) =>
  createSender({
    kafka: { brokers: ['b:1'] },
    topic: 't',
    logger: silent,
    sendTimeout: 5000,
    ...options,
  })
const types = (outcomes: readonly (KafkaError | null)[]) =>
  outcomes.map(outcome => outcome?.type ?? null)

describe('a snapshot of several batches', () => {
  const parts = entry(0, 'part 0', 'part 1', 'part 2')

  test('fails at the deadline between two of them, although every response was in time', async () => {
    const sender = newSender({ sendTimeout: 50, maxBatchBytes: 50 })
    await sender.connect()
    kafka.answer = () => {
      // Block the event loop, so that the timer of the deadline fires after the response.
      const until = performance.now() + 60
      while (performance.now() < until);
      return new Map()
    }
    await expect(sender.send(parts.key, parts.values)).rejects.toMatchObject({ type: 'TIMEOUT' })
    expect(kafka.requests).toHaveLength(1)
  })

  test('fails when the sender is closed between two of them', async () => {
    const sender = newSender({ maxBatchBytes: 50 })
    await sender.connect()
    kafka.answer = async () => {
      await sender.disconnect()
      return new Map()
    }
    await expect(sender.send(parts.key, parts.values)).rejects.toMatchObject({ type: 'CLOSED' })
    expect(kafka.requests).toHaveLength(1)
  })

  test('ends at a failed batch, and later records of its partition are not written', async () => {
    const sender = newSender({ maxBatchBytes: 50 })
    kafka.answer = ({ partitions }) =>
      String(partitions.get(0)?.[0].value) === 'part 1'
        ? new Map([[0, protocolError('MESSAGE_TOO_LARGE')]])
        : new Map()
    const outcomes = await sender.sendAll([parts, entry(0, 'later'), entry(2, 'beside')])
    expect(types(outcomes)).toEqual(['MESSAGE_TOO_LARGE', 'MESSAGE_TOO_LARGE', null])
    expect(kafka.requests.flatMap(({ values }) => values[0] ?? [])).toEqual(['part 0', 'part 1'])
  })

  test('is written in order, one request after the other', async () => {
    const sender = newSender({ maxBatchBytes: 50 })
    let flying = 0
    kafka.answer = async () => {
      expect(++flying).toBe(1)
      await new Promise(setImmediate)
      flying--
      return new Map()
    }
    await sender.send(parts.key, parts.values)
    expect(kafka.requests.map(({ values }) => values)).toEqual([
      { 0: ['part 0'] },
      { 0: ['part 1'] },
      { 0: ['part 2'] },
    ])
  })
})

describe('many keys', () => {
  test('are sent in one request per broker, each partition in its order', async () => {
    const sender = newSender()
    const outcomes = await sender.sendAll([
      entry(0, 'a', 'b'),
      entry(1, 'c'),
      entry(2, 'd'),
      entry(0, 'e'),
      entry(3, 'f'),
    ])
    expect(outcomes).toEqual([null, null, null, null, null])
    expect(kafka.requests).toEqual([
      { address: 'broker-1', own: false, values: { 0: ['a', 'b', 'e'], 2: ['d'] } },
      { address: 'broker-2', own: false, values: { 1: ['c'], 3: ['f'] } },
    ])
  })

  test('have the lane of their broker once the metadata is known', async () => {
    const sender = newSender()
    expect(keys.map(key => sender.laneOf(key))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    await sender.connect()
    expect(keys.map(key => sender.laneOf(key))).toEqual([1, 2, 1, 2])
  })

  test('fail only if their own partition fails', async () => {
    const sender = newSender()
    kafka.answer = ({ partitions }) =>
      partitions.has(2) ? new Map([[2, protocolError('NOT_LEADER_FOR_PARTITION')]]) : new Map()
    expect(types(await sender.sendAll([entry(0, 'a'), entry(2, 'b'), entry(1, 'c')]))).toEqual([
      null,
      'NOT_LEADER_FOR_PARTITION',
      null,
    ])
    expect(sender.laneOf(keys[0])).toBe(1)
    expect(sender.laneOf(keys[2])).toBeLessThan(0)
    expect(sender.laneOf(keys[2])).not.toBe(sender.laneOf(keys[3]))
  })

  test('fail alone if their partition has no leader', async () => {
    const sender = newSender()
    kafka.leaders = [1, -1, 1, 2]
    expect(types(await sender.sendAll([entry(1, 'a'), entry(3, 'b')]))).toEqual([
      'LEADER_NOT_AVAILABLE',
      null,
    ])
  })

  test('all fail when the connection to their broker fails, and stay in its lane', async () => {
    const sender = newSender()
    kafka.answer = ({ partitions }) => {
      if (partitions.has(1)) throw new KafkaError('CONNECTION', 'gone')
      return new Map()
    }
    expect(types(await sender.sendAll([entry(0, 'a'), entry(1, 'b'), entry(3, 'c')]))).toEqual([
      null,
      'CONNECTION',
      'CONNECTION',
    ])
    expect(keys.map(key => sender.laneOf(key))).toEqual([1, 2, 1, 2])
  })

  test('fail only if they have no result at the deadline', async () => {
    const sender = newSender({ sendTimeout: 50 })
    kafka.answer = ({ partitions }) => (partitions.has(1) ? new Promise(() => {}) : new Map())
    expect(types(await sender.sendAll([entry(0, 'a'), entry(1, 'b')]))).toEqual([null, 'TIMEOUT'])
  })
})

describe('a partition that failed', () => {
  const failing = (type: string) => {
    kafka.answer = ({ partitions }) =>
      partitions.has(2) ? new Map([[2, protocolError(type)]]) : new Map()
  }

  test('refreshes the metadata before the next send to it, and before no other send', async () => {
    const sender = newSender()
    failing('NOT_LEADER_FOR_PARTITION')
    await sender.sendAll([entry(2, 'a')])
    expect(kafka.lookedUp).toBe(1)
    await sender.sendAll([entry(0, 'b')])
    expect(kafka.lookedUp).toBe(1)
    kafka.leaders = [1, 2, 2, 2]
    kafka.answer = () => new Map()
    expect(await sender.sendAll([entry(2, 'a')])).toEqual([null])
    expect(kafka.lookedUp).toBe(2)
    expect(kafka.requests.at(-1)!.address).toBe('broker-2')
    expect(sender.laneOf(keys[2])).toBe(2)
  })

  test('with slow replicas has its own connection until a send succeeds', async () => {
    const sender = newSender()
    failing('REQUEST_TIMED_OUT')
    expect(types(await sender.sendAll([entry(0, 'a'), entry(2, 'b')]))).toEqual([
      null,
      'REQUEST_TIMED_OUT',
    ])
    await sender.sendAll([entry(0, 'a'), entry(2, 'b')])
    expect(kafka.requests.slice(1)).toEqual([
      { address: 'broker-1', own: false, values: { 0: ['a'] } },
      { address: 'broker-1', own: true, values: { 2: ['b'] } },
    ])
    kafka.answer = () => new Map()
    await sender.sendAll([entry(2, 'b')])
    expect(kafka.links.map(({ alive }) => alive)).toEqual([false])
    expect(sender.laneOf(keys[2])).toBe(1)
  })

  test('whose replicas are slow is followed to its new leader', async () => {
    const sender = newSender()
    failing('REQUEST_TIMED_OUT')
    await sender.sendAll([entry(2, 'a')])
    await sender.sendAll([entry(2, 'a')])
    kafka.leaders = [1, 2, 2, 2]
    kafka.answer = () => new Map()
    expect(await sender.sendAll([entry(2, 'a')])).toEqual([null])
    expect(kafka.requests.at(-1)).toMatchObject({ address: 'broker-2', own: true })
    expect(kafka.links.map(({ alive }) => alive)).toEqual([false, false])
    expect(sender.laneOf(keys[2])).toBe(2)
  })

  test('because of the records is left where it is', async () => {
    const sender = newSender()
    failing('MESSAGE_TOO_LARGE')
    const [error] = await sender.sendAll([entry(2, 'b')])
    expect(error).toMatchObject({ type: 'MESSAGE_TOO_LARGE', refusal: true })
    expect(sender.laneOf(keys[2])).toBe(1)
    await sender.sendAll([entry(2, 'b')])
    expect(kafka.lookedUp).toBe(1)
  })
})
