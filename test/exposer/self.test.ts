import { get, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { HandFed, PARTITIONS, partitionOf, path } from './hand-fed.js'

const app = { job: 'shop', instance: 'a:1' }
const all = Array.from({ length: PARTITIONS }, (_, p) => p)

let shard: HandFed
beforeEach(async () => {
  shard = await HandFed.start()
})
afterEach(() => shard.stop())

describe('/-/ready', () => {
  const ready = async () => {
    const response = await shard.get('/-/ready')
    return [response.status, (await response.text()).trim()]
  }

  test('is 503 with the reason until all partitions are replayed', async () => {
    shard.trouble = 'nothing listens at 127.0.0.1:1'
    expect(await ready()).toEqual([503, 'nothing listens at 127.0.0.1:1'])
    shard.trouble = undefined
    expect(await ready()).toEqual([503, 'this shard has no assignment yet'])
    shard.assign(all, { replaying: true })
    shard.loaded(0)
    expect(await ready()).toEqual([503, 'partitions being replayed: 1, 2, 3'])
    for (const partition of [1, 2, 3]) shard.loaded(partition)
    expect(await ready()).toEqual([200, 'kafka-exposer is ready.'])
  })

  test('is 503 without a lease, and while fetches fail', async () => {
    shard.assign(all)
    shard.leaseUntil = 0
    expect((await ready())[1]).toMatch(/the lease has expired/)
    shard.leaseUntil = Number.POSITIVE_INFINITY
    shard.fetchFailed([2])
    shard.ahead = 30_000
    for (const partition of [0, 1, 3]) shard.fetched(partition)
    expect(await ready()).toEqual([503, 'blind: fetches fail for partitions: 2'])
    shard.fetched(2)
    expect((await ready())[0]).toBe(200)
  })

  test('/-/healthy answers whatever the state', async () => {
    shard.trouble = 'nothing works'
    expect((await shard.get('/-/healthy')).status).toBe(200)
  })
})

describe('/telemetry', () => {
  const lines = async () => (await (await shard.get('/telemetry')).text()).split('\n')

  test('has every metric, each with help, a type, and values that are numbers', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    await shard.get(path(app))
    const text = await lines()
    const names = text.filter(line => line.startsWith('# TYPE')).map(line => line.split(' ')[2])
    for (const name of [
      'exposer_scrape_duration_seconds',
      'exposer_scrape_samples',
      'exposer_scrape_bytes',
      'exposer_scrapes_in_flight',
      'exposer_consumer_lag_records',
      'exposer_consumer_lag_seconds',
      'exposer_high_watermark',
      'exposer_position',
      'exposer_propagation_delay_seconds',
      'exposer_targets',
      'exposer_playout_delay_seconds',
      'exposer_snapshots_total',
      'exposer_snapshots_missed_total',
      'exposer_records_rejected_total',
      'exposer_rebalances_total',
      'exposer_replay_duration_seconds',
      'exposer_read_back_partitions',
      'exposer_handovers_total',
      'exposer_scraper_positions_unknown_total',
      'exposer_read_back_duration_seconds',
      'exposer_read_back_records_total',
      'exposer_lease_remaining_seconds',
      'exposer_series',
      'exposer_bytes',
      'exposer_build_info',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      expect(names).toContain(name)
    }
    for (const line of text.filter(line => line && !line.startsWith('#'))) {
      expect(line).toMatch(/ -?(\d+(\.\d+)?(e[+-]?\d+)?|\+Inf)$/)
    }
  })

  test('counts requests by path', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    await (await shard.get(path(app))).text()
    await (await shard.get('/metrics?view=none')).text()
    const text = await lines()
    expect(text).toContain('exposer_scrapes_total{path="/target",code="200"} 1')
    expect(text).toContain('exposer_scrapes_total{path="/metrics",code="400"} 1')
    // One series of the app, and the age.
    expect(text).toContain('exposer_scrape_samples_sum{path="/target"} 2')
    expect(text).toContain('exposer_scrapes_in_flight{path="/target"} 0')
    expect(text).toContain('exposer_propagation_delay_seconds_count{stage="expose"} 1')
  })

  test('observes the playout delay of a virtual target once for each answered scrape of it', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    for (let i = 0; i < 3; i++) await (await shard.get(path(app))).text()
    await (await shard.get(path({ ...app, instance: 'unknown:1' }))).text()
    const text = await lines()
    expect(text).toContain('# TYPE exposer_playout_delay_seconds histogram')
    expect(text).toContain('exposer_playout_delay_seconds_bucket{le="+Inf"} 3')
    expect(text).toContain('exposer_playout_delay_seconds_count 3')
  })

  test('has no series of partitions that were lost', async () => {
    shard.assign(all)
    const positions = async () =>
      (await lines()).filter(line => line.startsWith('exposer_position{'))
    expect(await positions()).toHaveLength(PARTITIONS)
    shard.assign([1], { kept: [1] })
    expect(await positions()).toEqual([
      'exposer_position{topic="metrics.snapshots",partition="1"} 0',
    ])
  })

  test('counts refused records by reason, and logs the first of each with its offset', async () => {
    shard.assign(all)
    for (let i = 0; i < 3; i++) await shard.append({ labels: app, sequence: 5 })
    expect(await lines()).toContain('exposer_records_rejected_total{reason="order"} 2')
    const warnings = shard.log.filter(line => line.level === 'warn')
    expect(warnings).toHaveLength(1)
    expect(warnings[0].message).toMatch(/^Record refused: sequence 5 is not above the last one/)
    expect(warnings[0].fields).toMatchObject({
      reason: 'order',
      partition: partitionOf(app),
      offset: 1,
    })
  })

  test('counts held requests as in flight', async () => {
    const answer = shard.get(path(app))
    await eventually(async () =>
      expect(await lines()).toContain('exposer_scrapes_in_flight{path="/target"} 1'),
    )
    shard.assign(all)
    await answer
  })
})

describe('the page', () => {
  test('is served with all its files, and no other file is', async () => {
    const html = await (await shard.get('/')).text()
    const files = [...html.matchAll(/(?:href|src)="(page\/[^"]+)"/g)].map(match => match[1])
    expect(files.length).toBeGreaterThan(2)
    for (const file of [...files, 'page/columns.js', 'page/filter.js', 'page/table.js']) {
      const response = await shard.get(`/${file}`)
      expect(response.status, file).toBe(200)
      expect(response.headers.get('content-type')).toMatch(/css|javascript|svg/)
    }
    for (const file of ['/page/..%2fexposer.ts', '/page/nothing.js', '/page/', '/etc/passwd']) {
      expect((await shard.get(file)).status, file).toBe(404)
    }
  })

  test('is not sent again when it has not changed, and runs its own scripts only', async () => {
    const first = await shard.get('/page/app.js')
    // fetch would ask for no cached answer.
    const again = await new Promise<IncomingMessage>(resolve =>
      get(
        `${shard.url}/page/app.js`,
        { headers: { 'if-none-match': first.headers.get('etag')! } },
        resolve,
      ),
    )
    again.resume()
    expect(again.statusCode).toBe(304)
    expect(first.headers.get('content-security-policy')).toContain("default-src 'self'")
  })
})

test('a URL with many long labels is accepted, and one beyond 64 KiB is refused without effect on others', async () => {
  shard.assign(all)
  const long = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`label_${i}`, 'x'.repeat(3000)]))
  expect((await shard.get(path({ ...app, ...long(18) }))).status).toBe(404)
  expect((await shard.get(path({ ...app, ...long(30) }))).status).toBe(431)
  expect((await shard.get('/-/healthy')).status).toBe(200)
})
