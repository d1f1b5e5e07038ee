import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RemoteWriteSink } from '../../../agent/targets/remote-write-sink.js'
import { systemClock } from '../../../shared/base/clock.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'
import { ExpositionSampler } from '../../../shared/publish/exposition-sampler.js'
import { parseRemoteWriteList } from '../../../shared/remote-write/config.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { eventually } from '../../support/eventually.js'
import { WriteReceiver } from '../../support/write-receiver.js'

const lines: string[] = []
const record = (message: string, fields: object = {}) =>
  void lines.push(`${message} ${JSON.stringify(fields)}`)
const logger = { debug: () => {}, info: record, warn: record, error: record }
beforeEach(() => void lines.splice(0))
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function setUp(maxBytes = 1e8, more: object = {}) {
  const receiver = await WriteReceiver.start()
  stops.push(() => receiver.stop())
  const queue = {
    batch_send_deadline: '20ms',
    capacity: 20,
    max_samples_per_send: 10,
    max_backoff: '100ms',
  }
  const [remote] = parseRemoteWriteList([{ url: receiver.url, queue_config: queue, ...more }])
  const sink = new RemoteWriteSink({
    remote: remote!,
    maxBytes,
    proxyEnvironment: {},
    userAgent: 'test',
    clock: systemClock,
    logger,
  })
  await sink.start()
  stops.push(() => sink.stop())
  return { receiver, sink }
}

const START = Date.now() - 600_000

/** One target, collected every 15 seconds. */
function collecting(sink: RemoteWriteSink, instance: string) {
  const labels = [
    { name: 'instance', value: instance },
    { name: 'job', value: 'direct' },
  ]
  const target = sink.open({ labels, key: targetKey(labels) })
  const sampler = new ExpositionSampler()
  const reader = new TextReader('scrape')
  let sequence = 0
  const collect = async (page: string | Error, end = false) => {
    const result =
      page instanceof Error ? page : await sampler.sample(reader.read(Buffer.from(page)))
    const collectedAt = START + sequence * 15_000
    target.offer({
      run: { target: labels, incarnation: 5, intervalMs: 15_000 },
      collection: { sequence: sequence++, collectedAt, collectSeconds: 0.5 },
      result,
      end,
    })
    return collectedAt
  }
  return { target, collect }
}

describe('collections that are sent directly', () => {
  test('have their samples, up and the report, and a marker for what has left', async () => {
    const { receiver, sink } = await setUp()
    const { collect, target } = collecting(sink, 'a')
    const first = await collect('# TYPE x gauge\nx{i="1"} 1\nx{i="2"} 2\n')
    const second = await collect('# TYPE x gauge\nx{i="2"} 3\n')
    const third = await collect(new Error('connection refused'))
    const last = await collect('# TYPE x gauge\nx{i="2"} 4\n', true)
    await target.drain()
    const of = (...texts: string[]) => receiver.samples('instance="a"', ...texts)
    expect(of('__name__="x"', 'i="1"')).toEqual([
      [first, 1],
      [second, 'stale'],
    ])
    expect(of('__name__="x"', 'i="2"')).toEqual([
      [first, 2],
      [second, 3],
      [third, 'stale'],
      [last, 4],
      [last + 1, 'stale'],
    ])
    expect(of('__name__="up"')).toEqual([
      [first, 1],
      [second, 1],
      [third, 0],
      [last, 1],
      [last + 1, 'stale'],
    ])
    expect(of('__name__="scrape_samples_scraped"').slice(0, 3)).toEqual([
      [first, 2],
      [second, 1],
      [third, 0],
    ])
    expect(target.counts).toEqual({ offered: 4, superseded: 0, refused: 0, held: 0 })
  })

  test('are relabelled: of what is dropped there is no marker, and of a target without series nothing', async () => {
    const { receiver, sink } = await setUp(1e8, {
      write_relabel_configs: [
        { source_labels: ['instance'], regex: 'b', action: 'drop' },
        { source_labels: ['__name__', 'i'], regex: 'x;1|scrape_.*', action: 'drop' },
        { source_labels: ['__name__'], regex: 'x', target_label: '__name__', replacement: 'y' },
      ],
    })
    const targets = [collecting(sink, 'a'), collecting(sink, 'b')]
    const times: number[] = []
    for (const { collect } of targets) {
      times.push(await collect('# TYPE x gauge\nx{i="1"} 1\nx{i="2"} 2\n'))
      await collect('# TYPE x gauge\nx{i="1"} 3\n')
      await collect('# TYPE x gauge\nx{i="1"} 4\n', true)
    }
    for (const { target } of targets) await target.drain()
    const series = [...receiver.series.keys()].map(labels => labels.split(',')[0]).sort()
    expect(series).toEqual(['__name__="up"', '__name__="y"'])
    expect(receiver.samples('__name__="y"', 'i="2"', 'instance="a"')).toEqual([
      [times[0], 2],
      [times[0]! + 15_000, 'stale'],
    ])
    expect(targets[1]!.target.counts).toMatchObject({ offered: 3, superseded: 0, held: 0 })
  })

  test('wait within a number of bytes while the receiver is away: the oldest are dropped, and counted', async () => {
    const { receiver, sink } = await setUp(40_000)
    receiver.fault = ({ response }) => {
      response.writeHead(500).end()
      return 'answered'
    }
    const { collect, target } = collecting(sink, 'a')
    const times: number[] = []
    for (let i = 0; i < 60; i++) times.push(await collect(`# TYPE x gauge\nx ${i}\n`))
    await eventually(() => expect(target.counts.superseded).toBeGreaterThan(30))
    expect(sink.bytes).toBeLessThan(50_000)
    await eventually(() => expect(sink.trouble()).toContain('500'))
    receiver.fault = null
    await target.drain()
    const { offered, superseded, held } = target.counts
    const received = receiver.samples('__name__="x"').map(([at]) => at)
    expect(received.length).toBe(offered - superseded)
    expect(held).toBe(0)
    // What was left is the newest, in order, besides what was in flight.
    expect(received.slice(-10)).toEqual(times.slice(-10))
    expect(received).toEqual([...received].sort((a, b) => a - b))
    expect(sink.bytes).toBe(0)
    expect(sink.trouble()).toBeUndefined()
  })

  test('that have other series each time need the memory of their series too', async () => {
    const { receiver, sink } = await setUp(400_000)
    receiver.fault = ({ response }) => {
      response.writeHead(500).end()
      return 'answered'
    }
    const { collect, target } = collecting(sink, 'a')
    const page = (i: number) =>
      `# TYPE x gauge\n${Array.from({ length: 40 }, (_, n) => `x{a="${'long'.repeat(500)}${i}.${n}"} 1\n`).join('')}`
    for (let i = 0; i < 30; i++) await collect(page(i))
    // Each has 80 KB of labels.
    await eventually(() => expect(target.counts.superseded).toBeGreaterThan(20))
    expect(sink.bytes).toBeLessThan(500_000)
  })

  test('and wait when their target is closed are sent before those of its successor', async () => {
    const { receiver, sink } = await setUp()
    receiver.fault = ({ response }) => {
      response.writeHead(500).end()
      return 'answered'
    }
    const before = collecting(sink, 'a')
    const first = await before.collect('# TYPE x gauge\nx 1\n')
    await eventually(() => expect(sink.failures).toBeGreaterThan(3))
    before.target.close()
    const after = collecting(sink, 'a')
    await after.collect(new Error('down'))
    const second = await after.collect('# TYPE x gauge\nx 2\n')
    receiver.fault = null
    await after.target.drain()
    expect(receiver.samples('__name__="x"')).toEqual([
      [first, 1],
      [second, 2],
    ])
    expect(before.target.counts).toMatchObject({ offered: 1, superseded: 0, held: 0 })
  })

  test('log what an outage costs, and its end', async () => {
    const { receiver, sink } = await setUp(40_000)
    receiver.fault = ({ response }) => {
      response.writeHead(500).end()
      return 'answered'
    }
    const { collect, target } = collecting(sink, 'a')
    for (let i = 0; i < 60; i++) await collect(`# TYPE x gauge\nx ${i}\n`)
    await eventually(() => expect(target.counts.superseded).toBeGreaterThan(30))
    await eventually(() => expect(sink.failures).toBeGreaterThan(2))
    receiver.fault = null
    await target.drain()
    const text = lines.join('\n')
    expect(text).toContain('Collections are dropped')
    expect(lines.find(line => line.startsWith('The receiver stores samples again'))).toContain(
      `"dropped":${target.counts.superseded}`,
    )
  })

  test('and cannot be stored when the agent stops are told', async () => {
    const { receiver, sink } = await setUp()
    receiver.fault = ({ response }) => {
      response.writeHead(500).end()
      return 'answered'
    }
    const { collect, target } = collecting(sink, 'a')
    await collect('# TYPE x gauge\nx 1\n')
    await eventually(() => expect(sink.failures).toBeGreaterThan(0))
    target.close()
    await sink.stop()
    expect(lines.join('\n')).toMatch(/Stopped before all collections .*"collections":1/)
  })
})
