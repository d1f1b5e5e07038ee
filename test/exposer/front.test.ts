import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HandFed, manySeries, PARTITIONS, path } from './hand-fed.js'

const app = { job: 'shop', instance: 'a:1' }
const all = Array.from({ length: PARTITIONS }, (_, p) => p)

let shard: HandFed
beforeEach(async () => {
  shard = await HandFed.start()
  shard.assign(all)
})
afterEach(() => shard.stop())

/** As it is on the wire: `fetch` inflates. */
function raw(asked: string, headers: Record<string, string> = {}) {
  return new Promise<{ headers: Record<string, unknown>; body: Buffer }>((resolve, reject) => {
    const sent = request(shard.url + asked, { headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

const withoutAge = (text: string) => text.replace(/^exposer_target_snapshot_age_seconds .*$/m, '')

describe('/target', () => {
  test('has the same response in front of the router as behind it', async () => {
    await shard.append({ labels: app })
    const [before, behind] = [
      await shard.get(path(app)),
      await shard.get(path(app).replace('?', '/?')),
    ]
    expect(withoutAge(await before.text())).toBe(withoutAge(await behind.text()))
    const headersOf = ({ headers }: Response) =>
      [...headers].filter(([name]) => name !== 'date' && name !== 'content-length')
    expect(headersOf(before)).toEqual(headersOf(behind))
  })

  test('has the same error texts, and none with HEAD', async () => {
    const before = await shard.get('/target')
    const behind = await shard.get('/target/')
    expect([before.status, await before.text()]).toEqual([behind.status, await behind.text()])
    expect([...before.headers.keys()].sort()).toEqual([...behind.headers.keys()].sort())
    const head = await shard.get('/target', {}, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([400, ''])
  })

  test('accepts GET and refuses POST', async () => {
    const response = await shard.get(path(app), {}, { method: 'POST' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('HEAD, GET')
  })

  test('is counted in /telemetry by code, and is not in flight afterwards', async () => {
    await shard.append({ labels: app })
    await shard.get(path(app))
    await shard.get('/target')
    const text = await (await shard.get('/telemetry')).text()
    expect(text).toContain('exposer_scrapes_total{path="/target",code="200"} 1')
    expect(text).toContain('exposer_scrapes_total{path="/target",code="400"} 1')
    expect(text).toContain('exposer_scrapes_in_flight{path="/target"} 0')
    expect(text).toContain('exposer_scrape_duration_seconds_count{path="/target"} 2')
    expect(text).toContain('exposer_scrape_samples_sum{path="/target"} 2')
  })

  test('is 500 when its handler throws, counted and logged, and the next request is answered', async () => {
    await shard.append({ labels: app })
    const { shard: core } = shard.services
    const { judge } = core
    core.judge = () => {
      throw new Error('a mistake')
    }
    expect((await shard.get(path(app))).status).toBe(500)
    core.judge = judge
    expect((await shard.get(path(app))).status).toBe(200)
    expect(shard.log.map(line => line.message)).toContain('a request failed because of a bug')
    const text = await (await shard.get('/telemetry')).text()
    expect(text).toContain('exposer_scrapes_total{path="/target",code="500"} 1')
  })

  test('reads all parameters, however many there are', async () => {
    // Were the last one overlooked, it would be a bad request, because there is no job.
    const labels = Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`l${i}`, 'v']))
    expect((await shard.get(path({ ...labels, job: 'shop' }))).status).toBe(404)
  })

  test('a small body is sent uncompressed, a larger one compressed, both completely', async () => {
    await shard.append({ labels: app })
    await shard.append({
      labels: { job: 'many' },
      layout: manySeries(500),
      values: new Array(500).fill(1),
    })
    const small = await raw(path(app), { 'accept-encoding': 'gzip' })
    expect(small.headers['content-encoding']).toBeUndefined()
    expect(small.headers['content-length']).toBe(String(small.body.length))
    const larger = await raw(path({ job: 'many' }), { 'accept-encoding': 'gzip' })
    expect(larger.headers['content-encoding']).toBe('gzip')
    expect(larger.headers['content-length']).toBe(String(larger.body.length))
    const plain = await raw(path({ job: 'many' }))
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(withoutAge(gunzipSync(larger.body).toString())).toBe(withoutAge(plain.body.toString()))
  })

  test('bodies that are written at the same time are not mixed', async () => {
    const apps = Array.from({ length: 40 }, (_, i) => ({ job: 'shop', instance: `a:${i}` }))
    for (const [i, labels] of apps.entries()) await shard.append({ labels, values: [1000 + i] })
    const texts = await Promise.all(
      apps.map(async labels => (await shard.get(path(labels))).text()),
    )
    for (const [i, text] of texts.entries()) expect(text).toContain(`} ${1000 + i}\n`)
  })
})
