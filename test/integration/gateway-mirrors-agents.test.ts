import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { startVmagent } from '../../dev/local/vmagent.js'
import { Mirrors } from '../../gateway/mirrors/mirrors.js'
import { systemClock } from '../../shared/base/clock.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic, silent } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { newWriteTopic, startWriteGateway } from '../support/write-topic.js'

const prometheus = await partOrSkip('prometheus')
const vmagent = await partOrSkip('vmagent')

const SERIES = 60
/** Scrapes of the steady target that are compared. */
const SCRAPES = 25

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A target that counts its scrapes. */
class CountingApp {
  scrapes = 0
  isFailing = false
  address = ''
  readonly #server: Server

  private constructor(lines: (scrapes: number) => string) {
    this.#server = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/plain; version=0.0.4')
      if (this.isFailing) response.writeHead(503).end()
      else response.end(lines(++this.scrapes))
    })
  }

  static async start(lines: (scrapes: number) => string): Promise<CountingApp> {
    const app = new CountingApp(lines)
    await new Promise<void>(resolve => app.#server.listen(0, '127.0.0.1', resolve))
    app.address = `127.0.0.1:${(app.#server.address() as AddressInfo).port}`
    stops.push(async () => {
      app.#server.closeAllConnections()
      await new Promise(resolve => app.#server.close(resolve))
    })
    return app
  }
}

/** All series of a target have the number of the scrape, so that mixed scrapes are seen. */
const sameValues = (n: number) =>
  `# HELP scrape_number Number.\n# TYPE scrape_number gauge\n${Array.from(
    { length: SERIES },
    (_, i) => `scrape_number{i="${i}"} ${n}\n`,
  ).join('')}`

const withTimes = (n: number) => `own_time 5 ${Date.now() - 2000}\nscrapes ${n}\n`

interface Urls {
  readonly write: string
  readonly targets: Readonly<Record<string, string>>
}

const scrapeConfig = ({ targets }: Urls) => ({
  global: { scrape_interval: '1s', scrape_timeout: '1s' },
  scrape_configs: Object.entries(targets).map(([job, address]) => ({
    job_name: job,
    static_configs: [{ targets: [address] }],
  })),
})

const agents: Record<string, (urls: Urls) => Promise<unknown>> = {}
if (prometheus)
  agents['Prometheus in agent mode with 4 shards'] = async urls => {
    const agent = await startPrometheus({
      agent: true,
      flags: ['--enable-feature=metadata-wal-records,extra-scrape-metrics'],
      config: {
        ...scrapeConfig(urls),
        remote_write: [
          {
            url: urls.write,
            protobuf_message: 'io.prometheus.write.v2.Request',
            queue_config: {
              min_shards: 4,
              max_shards: 4,
              batch_send_deadline: '200ms',
              max_samples_per_send: 50,
            },
          },
        ],
      },
    })
    stops.push(() => agent.stop())
  }
if (vmagent)
  agents.vmagent = async urls => {
    const agent = await startVmagent(
      scrapeConfig(urls),
      [urls.write],
      // Several queues send the samples of a series out of order.
      [
        '-remoteWrite.queues=1',
        '-remoteWrite.flushInterval=200ms',
        '-remoteWrite.maxRowsPerBlock=50',
      ],
    )
    stops.push(() => agent.stop())
  }

/** A gateway, its mirrors, an exposer, and a Prometheus that scrapes it. */
async function pipeline() {
  const writes = await newWriteTopic()
  const snapshots = await newTopic(4)
  const gateway = await startWriteGateway(writes)
  stops.push(() => gateway.stop())
  const mirrors = new Mirrors({
    kafka: { brokers: inject('brokers') },
    ...{ writes, snapshots, group: name('mirrors') },
    lookbackMs: 60_000,
    assemblyMs: 10_000,
    intervalMs: 15_000,
    maxBytes: 1e8,
    memory: () => 1e8,
    clock: systemClock,
    logger: silent,
  })
  await mirrors.start()
  stops.push(() => mirrors.stop())
  const shard = await startShard(
    { topic: snapshots, group: name('exposers') },
    { playoutDelay: 'auto', externalUrl: undefined },
  )
  stops.push(() => shard.stop())
  const server = await startPrometheus({
    config: {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [
        {
          job_name: 'kafka',
          http_sd_configs: [{ url: `${shard.url}/sd`, refresh_interval: '1s' }],
        },
      ],
    },
  })
  stops.push(() => server.stop())
  return { mirrors, shard, server, write: `${gateway.url}/api/v1/write` }
}

/** Instants between two Unix times, each 500 ms, at which a query has no result. */
async function gaps(server: LocalPrometheus, query: string, start: number, end: number) {
  const [series] = await server.queryRange(query, { start, end, step: 0.5 })
  const times = new Set(series?.values.map(([time]) => time))
  const missing: number[] = []
  for (let time = start; time <= end; time += 0.5) if (!times.has(time)) missing.push(time)
  return missing
}

const now = () => Math.floor(Date.now() / 1000)

describe.skipIf(Object.keys(agents).length === 0)('targets of real agents', () => {
  test.each(Object.entries(agents))(
    '%s: up, values and staleness are those of the agent',
    async (_, start) => {
      const { mirrors, server, write } = await pipeline()
      const steady = await CountingApp.start(sameValues)
      const failing = await CountingApp.start(sameValues)
      const timed = await CountingApp.start(withTimes)
      const targets = { steady: steady.address, failing: failing.address, timed: timed.address }
      await start({ write, targets })

      await eventually(async () => {
        for (const job of Object.keys(targets))
          expect((await server.query(`up{job="${job}"} == 1`)).length, job).toBe(1)
      }, 60_000)
      // Discovery and the first snapshots settle.
      const settled = steady.scrapes
      await eventually(() => expect(steady.scrapes).toBeGreaterThan(settled + 10), 60_000)
      const from = now()
      const first = steady.scrapes
      await eventually(() => expect(steady.scrapes).toBeGreaterThan(first + 5), 60_000)
      failing.isFailing = true
      await eventually(async () => {
        expect((await server.query('up{job="failing"} == 0')).length).toBe(1)
        expect((await server.query('scrape_number{job="failing"}')).length).toBe(0)
      }, 60_000)
      failing.isFailing = false
      await eventually(async () => {
        expect((await server.query('up{job="failing"} == 1')).length).toBe(1)
        expect((await server.query('scrape_number{job="failing"}')).length).toBe(SERIES)
      }, 60_000)
      await eventually(() => expect(steady.scrapes).toBeGreaterThan(first + SCRAPES), 60_000)
      const until = now() - 1

      // What never failed was never down, and none of its series was ever stale.
      for (const job of ['steady', 'timed']) {
        expect(
          await server.query(`min_over_time(up{job="${job}"}[${until - from}s])`, until),
        ).toEqual([expect.objectContaining({ value: [until, '1'] })])
      }
      const whole = `count(scrape_number{job="steady"}) == ${SERIES}`
      expect(await gaps(server, whole, from, until)).toEqual([])
      expect(await gaps(server, 'own_time{job="timed"}', from, until)).toEqual([])

      // All series of a scrape have its number: no snapshot is torn.
      const torn = 'max(scrape_number{job="steady"}) - min(scrape_number{job="steady"}) > 0'
      expect(await server.queryRange(torn, { start: from, end: until, step: 0.25 })).toEqual([])
      const [counted] = await server.samples(
        `scrape_number{job="steady",i="0"}[${until - from}s]`,
        until,
      )
      const numbers = counted!.values.map(([, value]) => Number(value))
      expect(numbers.length).toBeGreaterThan(SCRAPES / 2)
      // In order, and each scrape is there: a scrape may be shown twice, and then one is skipped.
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
      expect(new Set(numbers).size).toBeGreaterThan(0.8 * (numbers.at(-1)! - numbers[0]!))

      // The series of the scraper are those of this Prometheus.
      const [reported] = await server.query('scrape_samples_scraped{job="steady"}')
      expect(Number(reported!.value[1])).toBeGreaterThanOrEqual(SERIES)
      expect(
        await server.query(
          '{__name__=~"scrape_timeout_seconds|scrape_body_size_bytes|scrape_response_size_bytes"}',
        ),
      ).toEqual([])

      expect(mirrors.figures).toMatchObject({
        targets: 3,
        ends: 0,
        back: 0,
        refused: { memory: 0, label: 0, time: 0, key: 0, record: 0 },
      })
      expect(mirrors.figures.failures).toBeGreaterThan(0)
      expect(mirrors.figures.snapshots.interval).toBe(0)
      expect(mirrors.publishing).toMatchObject({ refused: 0, gaps: 0, droppedSeries: 0 })
    },
  )
})
