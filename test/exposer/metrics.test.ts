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

  test.each(['newest', ''])('view "%s" is refused with the names of the valid ones', async view => {
    const response = await shard.get(`/metrics?view=${view}`)
    expect(response.status).toBe(400)
    expect(await response.text()).toBe('unknown view; valid views: latest, timestamped, all\n')
  })

  const newer = (text: string) =>
    [...text.matchAll(/^requests_total\{.*instance="(.*?)".*\} 42 \d{13}$/gm)].length

  test.each(['', '&scraper=', '&scraper=a&scraper=b', `&scraper=${'x'.repeat(257)}`])(
    'view "all" is refused without the name of one scraper, and says how to give it (%s)',
    async query => {
      const response = await shard.get(`/metrics?view=all${query}`)
      expect(response.status).toBe(400)
      expect(await response.text()).toContain('add ?scraper= once, with a name')
      expect(shard.services.shard.history.scrapers).toEqual([])
    },
  )

  test('view "all" exposes to each scraper all snapshots since its last scrape', async () => {
    const all = async (scraper: string) =>
      newer(await (await shard.get(`/metrics?view=all&scraper=${scraper}`)).text())
    expect(await all('p')).toBe(apps.length)
    await shard.append({ labels: apps[0], sequence: 1 })
    await shard.append({ labels: apps[0], sequence: 2 })
    expect(await all('q')).toBe(apps.length)
    expect(await all('p')).toBe(apps.length + 1)
    expect(await all('p')).toBe(apps.length)
  })

  const asAll = (scraper: string) => shard.get(`/metrics?view=all&scraper=${scraper}`)

  test('view "all" does not move a position for HEAD', async () => {
    await shard.get('/metrics?view=all&scraper=head', {}, { method: 'HEAD' })
    expect(shard.services.shard.history.scrapers).toEqual([])
  })

  test('view "all" refuses one active scraper too many with the names of the others, and counts it', async () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 16; i++) expect((await asAll(`p${i}`)).status).toBe(200)
      shard.ahead += 15_000
    }
    const refused = await asAll('p16')
    expect(refused.status).toBe(429)
    expect(await refused.text()).toMatch(/"p0", "p1".*refused so far: 1;/)
    expect((await asAll('p3')).status).toBe(200)
    const text = await (await shard.get('/telemetry')).text()
    expect(text).toContain('exposer_scrapers_refused_total 1\n')
  })

  test('view "all": random names lock out neither known scrapers nor new ones', async () => {
    expect((await asAll('known')).status).toBe(200)
    shard.ahead += 15_000
    expect((await asAll('known')).status).toBe(200)
    const flood = async (round: number) => {
      for (let i = 0; i < 40; i++) await asAll(`random-${round}-${i}`)
    }
    await flood(0)
    expect((await asAll('late')).status).toBe(200)
    for (let round = 1; round < 3; round++) {
      await flood(round)
      shard.ahead += 15_000
      expect((await asAll('late')).status).toBe(200)
      expect((await asAll('known')).status).toBe(200)
    }
    await flood(3)
    expect(shard.services.shard.history.scrapers).toEqual(expect.arrayContaining(['known', 'late']))
  })

  test('HEAD has no body', async () => {
    const response = await shard.get('/metrics', {}, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  test('other methods are refused with the allowed ones', async () => {
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

  test('it is 503 with the partitions being replayed when the deadline passes', async () => {
    shard.assign(all, { replaying: true })
    shard.loaded(0)
    const response = await shard.get('/metrics', { 'x-prometheus-scrape-timeout-seconds': '0.1' })
    expect(response.status).toBe(503)
    expect(await response.text()).toBe('partitions being replayed: 1, 2, 3\n')
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

  test('is complete, plain and compressed', async () => {
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

  test('is complete although rebalances give other partitions to this shard and take them again', async () => {
    const [last, ...kept] = [...all].reverse()
    shard.rebalance()
    shard.assign(kept, { kept })
    const expected = (await read(await begin())).toString().match(/^many\{/gm)
    const response = await begin()
    for (let round = 0; round < 3; round++) {
      shard.rebalance()
      shard.assign(round % 2 === 0 ? all : kept, { kept })
    }
    expect(shard.services.ownership.partitions()).toContain(last)
    expect((await read(response)).toString().match(/^many\{/gm)).toHaveLength(expected!.length)
  })

  test('is aborted when one of its partitions is lost, also if that returns', async () => {
    const [last, ...kept] = [...all].reverse()
    const response = await begin()
    shard.rebalance()
    shard.assign(kept, { kept })
    shard.assign([...kept, last!], { kept })
    const aborted = read(response).then(
      () => 'complete',
      error => error.message,
    )
    expect(await aborted).toMatch(/aborted/)
  })

  test('is ended when its client disconnects, and others are answered as before', async () => {
    const response = await begin()
    response.destroy()
    await eventually(() =>
      expect([...shard.services.shard.targets()].map(t => t.newest?.holders)).toEqual([
        1, 1, 1, 1, 1,
      ]),
    )
    expect((await shard.get(path({ ...labels, part: '0' }))).status).toBe(200)
    expect(shard.log.filter(line => line.level === 'error')).toEqual([])
  })

  test('in the view all, is repeated to a scraper that disconnected, and not after a complete response', async () => {
    await (await shard.get('/metrics?view=all&scraper=p')).text()
    for (const sequence of [1, 2]) {
      await shard.append({
        labels: { ...labels, part: '0' },
        layout: manySeries(series / 5),
        values: new Float64Array(series / 5),
        sequence,
      })
    }
    const ask = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        get(`${shard.url}/metrics?view=all&scraper=p`, resolve).on('error', reject)
      })
    const lines = async () => (await read(await ask())).toString().match(/^many\{/gm)
    const cut = await ask()
    cut.destroy()
    await eventually(() => expect(shard.services.shard.ledger.written).toBe(5))
    await eventually(() => expect(shard.services.telemetry.scrapes.inFlight).toBe(0))
    expect(await lines()).toHaveLength(series + series / 5)
    expect(await lines()).toHaveLength(series)
  })

  test('waits for a slow client instead of accumulating in memory', async () => {
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
