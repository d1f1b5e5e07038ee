import { get, type IncomingMessage } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { HandFed, manySeries, PARTITIONS, path } from './hand-fed.js'

const all = Array.from({ length: PARTITIONS }, (_, p) => p)
const apps = Array.from({ length: 5 }, (_, i) => ({ job: 'shop', instance: `app:${i}` }))

let shard: HandFed
beforeEach(async () => {
  shard = await HandFed.start()
})
afterEach(() => shard.stop())

describe('the views', () => {
  beforeEach(async () => {
    shard.assign(all)
    for (const labels of apps) await shard.append({ labels })
  })

  test('latest is the default: every target with its labels, one group per family, no timestamps', async () => {
    const text = await (await shard.get('/metrics')).text()
    expect(text.match(/^# TYPE requests_total counter$/gm)).toHaveLength(1)
    for (const { instance } of apps)
      expect(text).toContain(`requests_total{path="/",instance="${instance}",job="shop"} 42\n`)
  })

  test('timestamped adds the time of collection', async () => {
    const text = await (await shard.get('/metrics?view=timestamped')).text()
    expect(text.match(/^requests_total\{[^}]*\} 42 \d{13}$/gm)).toHaveLength(apps.length)
  })

  test.each(['all', 'newest', ''])('view "%s" is refused with the names of those there are', async view => {
    const response = await shard.get(`/metrics?view=${view}`)
    expect(response.status).toBe(400)
    expect(await response.text()).toBe('there is no such view; the views are: latest, timestamped\n')
  })

  test('HEAD makes no body', async () => {
    const response = await shard.get('/metrics', {}, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  test('other methods are refused with those there are', async () => {
    const response = await shard.get('/metrics', {}, { method: 'POST' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toContain('GET')
  })
})

describe('during a handover', () => {
  test('the whole shard is held until its last partition is replayed', async () => {
    shard.assign(all, { replaying: true })
    const answer = shard.get('/metrics')
    for (const partition of all) {
      await eventually(() => expect(shard.services.changes.waiting).toBe(1))
      shard.loaded(partition)
    }
    expect((await answer).status).toBe(200)
  })

  test('it is 503 with the partitions that are missing when the time is up', async () => {
    shard.assign(all, { replaying: true })
    shard.loaded(0)
    const response = await shard.get('/metrics', { 'x-prometheus-scrape-timeout-seconds': '0.1' })
    expect(response.status).toBe(503)
    expect(await response.text()).toBe('replaying partition 1, 2, 3\n')
  })
})

describe('a long response', () => {
  const series = 200_000
  const labels = { job: 'shop', instance: 'large' }

  beforeEach(async () => {
    shard.assign(all)
    for (let i = 0; i < 5; i++) {
      const layout = manySeries(series / 5)
      await shard.append({
        labels: { ...labels, part: String(i) },
        layout,
        values: new Float64Array(series / 5),
      })
    }
  })

  /** A request whose response is not read until the test says so. */
  const begin = (headers: Record<string, string> = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      get(`${shard.url}/metrics`, { headers }, resolve).on('error', reject)
    })

  const read = async (response: IncomingMessage): Promise<Buffer> => {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  test('is whole, plain and compressed', async () => {
    const plain = await read(await begin())
    expect(plain.toString().match(/^many\{/gm)).toHaveLength(series)
    const compressed = await begin({ 'accept-encoding': 'gzip' })
    expect(compressed.headers['content-encoding']).toBe('gzip')
    expect(
      gunzipSync(await read(compressed))
        .toString()
        .match(/^many\{/gm),
    ).toHaveLength(series)
  })

  test.each<Record<string, string>>([{}, { 'accept-encoding': 'gzip' }])(
    'is cut off, so that its reader sees a failure, when the lease is lost on the way (%j)',
    async headers => {
      const response = await begin(headers)
      shard.leaseUntil = performance.now() - 1
      await expect(read(response)).rejects.toThrow(/aborted/)
      expect(response.complete).toBe(false)
    },
  )

  test('is cut off when a rebalance begins on the way', async () => {
    const response = await begin()
    shard.rebalance()
    await expect(read(response)).rejects.toThrow(/aborted/)
  })

  test('is given up when its reader goes away, and others are answered as before', async () => {
    const response = await begin()
    response.destroy()
    await eventually(() =>
      expect([...shard.services.shard.targets()].map(t => t.newest?.readers)).toEqual([0, 0, 0, 0, 0]),
    )
    expect((await shard.get(path({ ...labels, part: '0' }))).status).toBe(200)
    expect(shard.log.filter(line => line.level === 'error')).toEqual([])
  })

  test('waits for a reader that is slow instead of piling up in memory', async () => {
    const response = await begin()
    const written = () => shard.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0)
    let before = -1
    await eventually(() => {
      const now = written()
      const stands = now === before
      before = now
      expect(stands).toBe(true)
    })
    const stoodAt = before
    const body = await read(response)
    expect(body.toString().match(/^many\{/gm)).toHaveLength(series)
    expect(stoodAt).toBeLessThan(body.length / 2)
  })
})
