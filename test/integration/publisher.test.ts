import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { createPublisher, type Publisher, type PublisherOptions } from '../../producer/index.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { type Published, readTopic, type TopicReader } from '../producer/read-topic.js'
import { eventually } from '../support/eventually.js'
import { newTopic, recordingLogger, silent } from '../support/kafka.js'
import { Programs } from '../support/program.js'
import type { AppOptions } from '../support/programs/publishing-app.js'

const brokers = inject('brokers')
const programs = new Programs()
afterAll(() => programs.remove())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

function publisherOf(
  options: Partial<PublisherOptions> & Pick<PublisherOptions, 'register'>,
): Publisher {
  const publisher = createPublisher({
    brokers,
    job: 'shop',
    instance: 'a',
    logger: silent,
    ...options,
  })
  cleanups.push(() => publisher.stop(0))
  return publisher
}

async function read(topic: string): Promise<TopicReader> {
  const reader = await readTopic(brokers, topic)
  cleanups.push(reader.stop)
  return reader
}

const appOf = async (options: Omit<AppOptions, 'brokers'> & Partial<AppOptions>) => {
  const program = await programs.start('publishing-app.ts', [
    JSON.stringify({ brokers, ...options }),
  ])
  cleanups.push(() => program.kill())
  return program
}

/** A deadline of `stop` for tests that need its last record, ms. A busy machine may need it. */
const LONG = 60_000

/** A broker address at which nothing listens. */
const unreachable = ['127.0.0.1:1']

/** Starts a server that accepts connections and never responds. */
async function startSilentBroker(): Promise<string[]> {
  const server: Server = createServer(socket => {
    socket.on('error', () => {})
    cleanups.push(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close())
  const { port } = server.address() as { port: number }
  return [`127.0.0.1:${port}`]
}

describe('a publisher', () => {
  test('publishes the values of the registry on the partition of its target', async () => {
    const topic = await newTopic(7)
    const register = new Registry()
    const registers = [register]
    new Counter({ name: 'orders_total', help: 'Orders.', labelNames: ['zone'], registers }).inc(
      { zone: 'eu' },
      41,
    )
    const depth = new Gauge({ name: 'depth', help: 'Depth.', registers })
    depth.set(2 ** 53 + 2)
    const labels = { tier: 'gold' }
    const before = Date.now()
    await publisherOf({ register, topic, labels, interval: '1s' }).start()
    const { records } = await read(topic)
    await eventually(() => expect(records.length).toBeGreaterThan(0))
    depth.set(-0)
    await eventually(() => expect(records.at(-1)!.values.get('depth{}')).toBe(-0))
    const [first] = records
    expect(first.values.get('orders_total{zone="eu"}')).toBe(41)
    expect(first.values.get('depth{}')).toBe(2 ** 53 + 2)
    expect(first.values.get('publisher_snapshots_total{}')).toBe(0)
    expect(first.layout.families.find(({ name }) => name === 'orders')).toMatchObject({
      type: 'counter',
      help: 'Orders.',
    })
    const target = [
      { name: 'instance', value: 'a' },
      { name: 'job', value: 'shop' },
      { name: 'tier', value: 'gold' },
    ]
    expect(first.header).toMatchObject({
      target,
      intervalMs: 1000,
      part: 0,
      parts: 1,
      end: false,
      superseded: 0,
    })
    expect(first.key).toEqual(targetKey(target))
    expect(first.partition).toBe(partitionFor(first.key, 7))
    expect(first.header.incarnation).toBeGreaterThanOrEqual(before)
    expectOneRun(records)
  })

  test('splits a large registry into several records of one snapshot', async () => {
    const topic = await newTopic(1)
    const register = new Registry()
    for (let family = 0; family < 12; family++) {
      const gauge = new Gauge({
        name: `g${family}`,
        help: 'g',
        labelNames: ['l'],
        registers: [register],
      })
      for (let i = 0; i < 3000; i++) gauge.set({ l: `label-value-${i}` }, i + family)
    }
    const publisher = publisherOf({ register, topic })
    await publisher.start()
    await publisher.stop(20_000)
    const { records } = await read(topic)
    await eventually(() => {
      const { end, part, parts } = records.at(-1)!.header
      expect([end, part]).toEqual([true, parts - 1])
    })
    const last = records.filter(({ header }) => header.end)
    expect(last.length).toBeGreaterThan(1)
    expect(last.map(({ header }) => [header.part, header.parts])).toEqual(
      last.map((_, i) => [i, last.length]),
    )
    const values = new Map(last.flatMap(record => [...record.values]))
    for (let family = 0; family < 12; family++)
      expect(values.get(`g${family}{l="label-value-2999"}`)).toBe(2999 + family)
    for (const { bytes } of records) expect(bytes).toBeLessThan(300 * 1024)
  })

  test('starts a new run when the app starts again', async () => {
    const topic = await newTopic(1)
    const register = new Registry()
    const { records } = await read(topic)
    for (let run = 0; run < 2; run++) {
      const publisher = publisherOf({ register, topic })
      await publisher.start()
      await publisher.stop(LONG)
    }
    await eventually(() => expect(records.filter(({ header }) => header.end)).toHaveLength(2))
    const [first, second] = records.filter(({ header }) => header.end)
    expect(second.header.incarnation).toBeGreaterThan(first.header.incarnation)
  })

  test('starts at once without a broker, retries, and logs the problem once', async () => {
    const register = new Registry()
    const logger = recordingLogger()
    const publisher = publisherOf({ register, brokers: unreachable, interval: '1s', logger })
    await publisher.start()
    const errors = register.getSingleMetric('publisher_send_errors_total')!
    await eventually(async () => expect((await errors.get()).values[0].value).toBeGreaterThan(3))
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn cannot publish metrics: nothing listens at 127\.0\.0\.1:1/),
    ])
  })

  test('publishes the other metrics when the collect function of one fails, and counts the failure', async () => {
    const topic = await newTopic(1)
    const register = new Registry()
    const registers = [register]
    new Gauge({ name: 'good', help: 'good', registers }).set(1)
    new Gauge({
      name: 'bad',
      help: 'bad',
      registers,
      collect() {
        throw new Error('no')
      },
    })
    const publisher = publisherOf({ register, topic })
    await publisher.start()
    await publisher.stop(LONG)
    const { records } = await read(topic)
    await eventually(() => expect(records.at(-1)?.header.end).toBe(true))
    expect(records.at(-1)!.values.get('good{}')).toBe(1)
    expect(records.at(-1)!.values.get('publisher_collect_errors_total{}')).toBeGreaterThan(0)
  })

  test('publishes failed collections with their reasons, in order with the snapshots', async () => {
    const topic = await newTopic(1)
    const logger = recordingLogger()
    let page = '<html><body>502 Bad Gateway</body></html>'
    const publisher = publisherOf({ register: () => page, topic, interval: '1s', logger })
    await publisher.start()
    const { records } = await read(topic)
    await eventually(() => expect(records.length).toBeGreaterThan(0))
    page = 'requests_total 5\n'
    await eventually(() => expect(records.at(-1)!.failure).toBeNull())
    page = 'Internal Server Error\n'
    await eventually(() => expect(records.at(-1)!.failure).not.toBeNull())
    await publisher.stop(LONG)
    await eventually(() => expect(records.at(-1)!.header.end).toBe(true))
    expect(records[0].failure).toMatch(/^the source returned a web page instead of metrics/)
    const snapshot = records.find(({ failure }) => failure === null)!
    expect(snapshot.values.get('requests_total{}')).toBe(5)
    expect(snapshot.values.get('publisher_collect_errors_total{}')).toBeGreaterThan(0)
    expect(records.at(-2)!.failure).toMatch(/^line 1: /)
    // The end of the run does not have the values from before the failure.
    expect(records.at(-1)!.values.size).toBe(0)
    expectOneRun(records)
    expect(logger.lines[0]).toMatch(/^warn cannot collect metrics: the source returned a web page/)
  })

  test('publishes the other sources beside one that hangs, which it calls once and not once per interval', async () => {
    const topic = await newTopic(1)
    const register = new Registry()
    new Gauge({ name: 'prompt', help: 'prompt', registers: [register] }).set(7)
    let asked = 0
    let answer: (() => void) | undefined
    const hanging = () => {
      asked++
      return new Promise<
        { name: string; type: string; help: string; values: { value: number }[] }[]
      >(resolve => {
        answer = () => resolve([{ name: 'late', type: 'gauge', help: '', values: [{ value: 1 }] }])
      })
    }
    await publisherOf({ register: [register, hanging], topic, interval: '1s' }).start()
    const errors = register.getSingleMetric('publisher_collect_errors_total')!
    await eventually(async () =>
      expect((await errors.get()).values[0].value).toBeGreaterThanOrEqual(2),
    )
    expect(asked).toBe(1)
    const { records } = await read(topic)
    await eventually(() =>
      expect(records.at(-1)?.values.get('publisher_snapshots_total{}')).toBeGreaterThan(0),
    )
    await eventually(() => {
      answer!()
      expect(records.at(-1)!.values.get('late{}')).toBe(1)
    })
  })

  test('publishes a failure while its only source hangs, and a snapshot when it returns', async () => {
    const topic = await newTopic(1)
    let hang = true
    let answer: (() => void) | undefined
    const register = () =>
      hang ? new Promise<string>(resolve => (answer = () => resolve(''))) : 'g 1\n'
    await publisherOf({ register, topic, interval: '1s' }).start()
    const { records } = await read(topic)
    await eventually(() => expect(records.length).toBeGreaterThan(1))
    for (const { failure } of records)
      expect(failure).toMatch(
        /^the source did not answer within \d+ ms; check whether a collect function hangs$/,
      )
    hang = false
    answer!()
    await eventually(() => expect(records.at(-1)!.values.get('g{}')).toBe(1))
    expectOneRun(records)
  })

  test('goes on when the logger of the app throws', async () => {
    const fail = () => {
      throw new Error('the disk is full')
    }
    const register = new Registry()
    const logger = { debug: fail, info: fail, warn: fail, error: fail }
    const publisher = publisherOf({ register, brokers: unreachable, logger })
    await publisher.start()
    const errors = register.getSingleMetric('publisher_send_errors_total')!
    await eventually(async () => expect((await errors.get()).values[0].value).toBeGreaterThan(0))
    await publisher.stop(100)
  })
})

describe('stop', () => {
  test('publishes the final values as the end of the run, once', async () => {
    const topic = await newTopic(1)
    const register = new Registry()
    const gauge = new Gauge({ name: 'g', help: 'g', registers: [register] })
    const publisher = publisherOf({ register, topic })
    await publisher.start()
    gauge.set(42)
    await Promise.all([publisher.stop(LONG), publisher.stop()])
    await publisher.stop()
    const { records } = await read(topic)
    await eventually(() => expect(records.at(-1)?.header.end).toBe(true))
    expect(records.at(-1)!.values.get('g{}')).toBe(42)
    expect(records.filter(({ header }) => header.end)).toHaveLength(1)
    expectOneRun(records)
  })

  test('publishes the previous values as the end of the run when the registry hangs', async () => {
    const topic = await newTopic(1)
    const register = new Registry()
    let hang = false
    const collect = () => (hang ? new Promise<void>(() => {}) : undefined)
    new Gauge({ name: 'g', help: 'g', registers: [register], collect }).set(42)
    const publisher = publisherOf({ register, topic })
    const { records } = await read(topic)
    await publisher.start()
    await eventually(() => expect(records).toHaveLength(1))
    hang = true
    await publisher.stop()
    await eventually(() => expect(records.at(-1)!.header.end).toBe(true))
    expect(records.at(-1)!.values.get('g{}')).toBe(42)
    expectOneRun(records)
  })

  test('never rejects: before start, twice, without a broker', async () => {
    const register = new Registry()
    const publisher = publisherOf({ register, brokers: unreachable })
    await expect(publisher.stop()).resolves.toBeUndefined()
    await expect(publisher.start()).resolves.toBeUndefined()
    await expect(publisher.stop()).resolves.toBeUndefined()
    expect(register.getMetricsAsArray()).toEqual([])
  })

  test.each([
    ['that is unreachable', async () => unreachable],
    ['that accepts connections and never responds', startSilentBroker],
  ])(
    'keeps its deadline with a broker %s, and logs that the end of the run was not acknowledged',
    async (_, where) => {
      const logger = recordingLogger()
      const publisher = publisherOf({ register: new Registry(), brokers: await where(), logger })
      await publisher.start()
      await publisher.stop(300)
      expect(logger.lines.at(-1)).toMatch(
        /^warn stopped without an end of the run: .* within 300 ms/,
      )
    },
  )

  test('removes the metrics of the publisher from the registry', async () => {
    const register = new Registry()
    const publisher = publisherOf({ register, brokers: unreachable })
    await publisher.start()
    expect(await register.metrics()).toMatch(/^publisher_snapshots_total \d/m)
    await publisher.stop(0)
    expect(await register.metrics()).not.toMatch(/^publisher_snapshots_total \d/m)
  })
})

describe('an app', () => {
  test('with nothing else to do exits, although it is connected and never calls stop', async () => {
    const topic = await newTopic(1)
    const { child } = await appOf({ mode: 'idle', topic })
    expect((await once(child, 'exit'))[0]).toBe(0)
    const { records } = await read(topic)
    await eventually(() => expect(records.length).toBeGreaterThan(0))
  })

  test('with nothing else to do exits, although no broker is reachable', async () => {
    const { child } = await appOf({ mode: 'idle', topic: 'any', brokers: unreachable })
    expect((await once(child, 'exit'))[0]).toBe(0)
  })

  test('that runs only briefly is published: stop waits for the send in flight', async () => {
    const topic = await newTopic(1)
    const { child } = await appOf({ mode: 'job', topic })
    expect((await once(child, 'exit'))[0]).toBe(0)
    const { records } = await read(topic)
    await eventually(() => expect(records.at(-1)?.header.end).toBe(true))
    expect(records.at(-1)!.values.get('jobs_total{}')).toBe(3)
  })

  test('publishes the sum of the workers of a cluster although one fails, one hangs and one answers garbage', async () => {
    const topic = await newTopic(1)
    const { messages } = await appOf({ mode: 'cluster-source', topic })
    const { records } = await read(topic)
    const kinds = [
      /^cannot collect all metrics: worker 2: the pool is gone \(metric "pool_size" of cluster\)$/,
      /^cannot collect all metrics: worker 4: the source must return a list of metrics/,
    ]
    await eventually(() => {
      for (const kind of kinds) expect(messages).toContainEqual(expect.stringMatching(kind))
      // 10, 100, 1,000 and 10,000, also of the worker that answers garbage by now.
      expect(records.at(-1)!.values.get('requests_total{}')).toBe(11_110)
      expect(records.at(-1)!.values.get('pool_size{}')).toBe(5)
    })
  })

  test('with several workers publishes their sum from the primary', async () => {
    const topic = await newTopic(1)
    const { child } = await appOf({ mode: 'cluster', topic })
    const { records } = await read(topic)
    await eventually(() => expect(records.length).toBeGreaterThan(0))
    child.send('stop')
    await once(child, 'exit')
    await eventually(() => expect(records.at(-1)!.header.end).toBe(true))
    const { values, layout } = records.at(-1)!
    expect(values.get('requests_total{path="/a \\"b\\""}')).toBe(42)
    expect(layout.families.find(({ name }) => name === 'requests')).toMatchObject({
      type: 'counter',
      help: 'Requests.',
    })
    // The metrics of the publisher are published although there is no registry for them.
    expect(values.get('publisher_snapshots_total{}')).toBeGreaterThan(0)
  })
})

/** Expects one run with gapless sequences from 0 and ascending collection times. */
function expectOneRun(records: readonly Published[]): void {
  expect(records.map(({ header }) => header.sequence)).toEqual(records.map((_, i) => i))
  expect(new Set(records.map(({ header }) => header.incarnation)).size).toBe(1)
  for (let i = 1; i < records.length; i++)
    expect(records[i].header.collectedAt).toBeGreaterThan(records[i - 1].header.collectedAt)
}
