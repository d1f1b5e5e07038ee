import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { compressSync } from 'snappy'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { startPrometheus } from '../../dev/local/prometheus.js'
import { startVmagent } from '../../dev/local/vmagent.js'
import { KafkaWriteLog } from '../../gateway/server/kafka-write-log.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { eventually } from '../support/eventually.js'
import { name, silent } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { encodeV1, encodeV2 } from '../support/remote-write-schema.js'
import { WriteCapture } from '../support/write-capture.js'
import { newWriteTopic, readWriteTopic, startWriteGateway } from '../support/write-topic.js'
import { STALE } from '../support/written-samples.js'

const prometheus = await partOrSkip('prometheus')
const vmagent = await partOrSkip('vmagent')
const promtool = await partOrSkip('promtool')

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** An application whose values are different at each scrape, and of which one series comes and goes. */
class RandomApp {
  scrapes = 0
  address = ''
  readonly #server: Server

  private constructor() {
    this.#server = createServer((_, response) => {
      const n = ++this.scrapes
      const lines = Array.from({ length: 50 }, (_, i) => `random{n="${i}"} ${Math.random()}`)
      const odd = n % 2 === 1 ? 'sometimes 1\n' : ''
      response.setHeader('Content-Type', 'text/plain; version=0.0.4')
      response.end(
        `# HELP random Numbers.\n# TYPE random gauge\n${lines.join('\n')}\n# TYPE scrapes counter\nscrapes_total ${n}\nnan NaN\ninf -Inf\nzero 0\n${odd}`,
      )
    })
  }

  static async start(): Promise<RandomApp> {
    const app = new RandomApp()
    await new Promise<void>(resolve => app.#server.listen(0, '127.0.0.1', resolve))
    app.address = `127.0.0.1:${(app.#server.address() as AddressInfo).port}`
    stops.push(() => app.stop())
    return app
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** A topic, a gateway that writes to it, a reader of it, and a receiver to compare with. */
async function pipeline() {
  const topic = await newWriteTopic()
  const gateway = await startWriteGateway(topic)
  stops.push(() => gateway.stop())
  const reader = await readWriteTopic(topic)
  stops.push(() => reader.stop())
  const capture = await WriteCapture.start()
  stops.push(() => capture.stop())
  return { gateway, reader, capture, url: `${gateway.url}/api/v1/write` }
}

const staleSeries = (series: ReadonlyMap<string, ReadonlyMap<number, string>>) =>
  [...series].filter(([, samples]) => [...samples.values()].includes(STALE)).map(([name]) => name)

describe.skipIf(prometheus === null).each(['1.0', '2.0'] as const)(
  'Prometheus in agent mode, protocol %s',
  protocol => {
    test('writes every sample and native histogram into the topic, bit for bit', async () => {
      const { gateway, reader, capture, url } = await pipeline()
      const app = await RandomApp.start()
      const remote = (to: string) => ({
        url: to,
        protobuf_message:
          protocol === '1.0' ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request',
        send_native_histograms: true,
        send_exemplars: true,
        metadata_config: { send_interval: '1s' },
        queue_config: { batch_send_deadline: '100ms', max_samples_per_send: 100 },
      })
      const agent = await startPrometheus({
        agent: true,
        flags: ['--enable-feature=native-histograms,metadata-wal-records'],
        config: {
          global: { scrape_interval: '500ms', external_labels: { cluster: 'c1' } },
          scrape_configs: [
            { job_name: 'app', static_configs: [{ targets: [app.address] }] },
            // Its own duration of requests is a native histogram.
            { job_name: 'self', static_configs: [{ targets: [] as string[] }] },
          ],
          remote_write: [remote(url), remote(capture.url)],
        },
      })
      stops.push(() => agent.stop())
      const config = {
        global: { scrape_interval: '500ms', external_labels: { cluster: 'c1' } },
        scrape_configs: [
          { job_name: 'app', static_configs: [{ targets: [app.address] }] },
          { job_name: 'self', static_configs: [{ targets: [new URL(agent.url).host] }] },
        ],
        remote_write: [remote(url), remote(capture.url)],
      }
      await agent.reload(config)
      await eventually(() => {
        expect(app.scrapes).toBeGreaterThan(6)
        expect(reader.written.histograms).toBeGreaterThan(3)
      })
      await app.stop()
      await eventually(() =>
        // All of the application, and `up` is not stale.
        expect(staleSeries(reader.written.matching(/job=app/)).length).toBeGreaterThan(50),
      )
      await agent.child.stop('SIGTERM', 30_000)
      await eventually(() => expect(reader.written.lines()).toEqual(capture.written.lines()))

      expect(capture.errors).toEqual([])
      expect(reader.written.conflicts).toEqual([])
      const instance = `instance|${app.address}|job|app|`
      expect(reader.keys).toContain(`cluster|c1|${instance}`)
      const scraped = reader.written.matching(/__name__=scrapes_total/)
      expect([...scraped.values()][0].size).toBeGreaterThan(6)
      expect(staleSeries(reader.written.matching(/__name__=sometimes/))).toHaveLength(1)
      expect(
        [...reader.written.matching(/__name__=up,.*job=app/).values()][0].size,
      ).toBeGreaterThan(6)
      const telemetry = await (await fetch(`${gateway.url}/telemetry`)).text()
      expect(telemetry).toMatch(/gateway_http_requests_total\{handler="write",code="204"\} \d+/)
      expect(telemetry).not.toMatch(/handler="write",code="[45]/)
      // The agent has no metadata for protocol 2.0. In 1.0 it has no target.
      if (protocol === '1.0') {
        expect(reader.written.metadata.get('__name__=random')).toEqual(['gauge', 'Numbers.', ''])
        expect(reader.keys).toContain('job|remote_write|')
      }
    })
  },
)

test.skipIf(vmagent === null)(
  'vmagent writes every sample into the topic, bit for bit',
  async () => {
    const { reader, capture, url } = await pipeline()
    const app = await RandomApp.start()
    const agent = await startVmagent(
      {
        global: { scrape_interval: '500ms' },
        scrape_configs: [{ job_name: 'app', static_configs: [{ targets: [app.address] }] }],
      },
      [url, capture.url],
      ['-remoteWrite.flushInterval=200ms'],
    )
    stops.push(() => agent.stop())
    await eventually(() => {
      expect(app.scrapes).toBeGreaterThan(6)
      expect(staleSeries(reader.written.matching(/__name__=sometimes/))).toHaveLength(1)
    })
    await app.stop()
    await eventually(() =>
      expect(staleSeries(reader.written.matching(/__name__=random/))).toHaveLength(50),
    )
    await agent.child.stop('SIGTERM', 30_000)
    await eventually(() => expect(reader.written.lines()).toEqual(capture.written.lines()))
    expect(capture.errors).toEqual([])
    expect(reader.written.conflicts).toEqual([])
    expect(reader.keys).toContain(`instance|${app.address}|job|app|`)
  },
)

test.skipIf(promtool === null)('promtool pushes metrics into the topic', async () => {
  const { reader, url } = await pipeline()
  const pushing = promisify(execFile)(promtool!, ['push', 'metrics', url, '--label=job=nightly'])
  pushing.child.stdin!.end(
    '# HELP pushed_total Pushed.\n# TYPE pushed_total counter\npushed_total{a="b"} 5\n',
  )
  const { stdout } = await pushing
  expect(stdout).toContain('SUCCESS')
  await eventually(() => {
    const [series, samples] = [...reader.written.series][0]
    expect(series).toBe('__name__=pushed_total,a=b,job=nightly')
    expect([...samples.values()]).toEqual(['0000000000001440'])
  })
  expect([...reader.keys]).toContain('job|nightly|')
})

test('without its topic a gateway says which command creates it, and goes on once it exists', async () => {
  const topic = name('writes')
  const gateway = await startWriteGateway(topic)
  stops.push(() => gateway.stop())
  const body = new Uint8Array(
    compressSync(
      encodeV1({
        timeseries: [
          {
            labels: [{ name: '__name__', value: 'up' }],
            samples: [{ value: 1, timestamp: Date.now() }],
          },
        ],
      }),
    ),
  )
  const write = () =>
    fetch(`${gateway.url}/api/v1/write`, {
      method: 'POST',
      body,
      headers: { 'Content-Encoding': 'snappy' },
    })
  const refused = await write()
  expect(refused.status).toBe(503)
  expect(refused.headers.get('Retry-After')).toBe('5')
  expect(await refused.text()).toMatch(
    new RegExp(
      `topic ${topic} does not exist.*To fix it: kafka-exposer topic create --for=gateway --kafka.brokers=`,
    ),
  )
  await createTopic({ brokers: inject('brokers') }, { topic, key: 'writes' })
  await eventually(async () => expect((await write()).status).toBe(204))
})

test('a time ahead of the clock of the brokers is refused once they have answered', async () => {
  const { gateway, reader } = await pipeline()
  const write = (name: string, timestamp: number) =>
    fetch(`${gateway.url}/api/v1/write`, {
      method: 'POST',
      body: new Uint8Array(
        compressSync(
          encodeV2({
            symbols: ['', '__name__', name],
            timeseries: [{ labelsRefs: [1, 2], samples: [{ value: 1, timestamp }] }],
          }),
        ),
      ),
      headers: {
        'Content-Encoding': 'snappy',
        'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      },
    })
  expect((await write('first', Date.now())).status).toBe(204)
  const late = await write('late', Date.now() + 60_000)
  expect(late.status).toBe(400)
  expect(await late.text()).toMatch(/a time is (5\d|60)\.\d s ahead of the clock of the brokers/)
  expect((await write('last', Date.now())).status).toBe(204)
  await eventually(() =>
    expect([...reader.written.series.keys()].sort()).toEqual(['__name__=first', '__name__=last']),
  )
})

test('a log time that is behind refuses nothing that the brokers do not refuse', async () => {
  const topic = await newWriteTopic()
  // As that of a machine that was suspended.
  const stopped = { wall: Date.now(), mono: performance.now() }
  let now = () => stopped
  const log = new KafkaWriteLog({
    kafka: { brokers: inject('brokers') },
    topic,
    clock: { now: () => now() },
    logger: silent,
  })
  stops.push(() => log.stop())
  await log.append([{ key: Buffer.from('job\0x\0'), values: [Buffer.from([0x22, 0])] }])
  const first = log.logTime()
  expect(Math.abs(first - Date.now())).toBeLessThan(60_000)
  await log.confirmLogTime()
  // Told just now: nothing is asked.
  expect(log.logTime()).toBe(first)
  const reader = await readWriteTopic(topic)
  stops.push(() => reader.stop())
  now = () => ({ wall: stopped.wall, mono: stopped.mono + 1000 })
  await log.confirmLogTime()
  await eventually(() => expect([...reader.keys].sort()).toEqual(['job|remote_write|', 'job|x|']))
  expect(log.logTime()).toBeGreaterThanOrEqual(first)
})
