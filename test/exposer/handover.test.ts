import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeMember } from '../../exposer/group/map.js'
import { Shards, users } from '../shared/http/web-config/two-shards.js'
import { eventually } from '../support/eventually.js'
import { HandFed, partitionOf, path } from './hand-fed.js'

const app = { job: 'shop', instance: 'a:1' }
const dead = Array.from({ length: 100 }, (_, i) => ({ job: 'shop', instance: `d:${i}` })).find(
  labels => partitionOf(labels) === partitionOf(app),
)!
const partition = partitionOf(app)
const impatient = { 'x-prometheus-scrape-timeout-seconds': '2' }

const shards: HandFed[] = []
const servers: Server[] = []
const configured = new Shards()
afterEach(async () => {
  for (const shard of shards.splice(0)) await shard.stop()
  for (const server of servers.splice(0)) server.close()
  await configured.stop()
})

async function start(config: Parameters<typeof HandFed.start>[0] = {}): Promise<HandFed> {
  const shard = await HandFed.start(config)
  shards.push(shard)
  return shard
}

const memberOf = ({ url, services }: HandFed) =>
  encodeMember({ address: url, secret: services.secret })

/** The partition moves, planned: one shard gives it up before the other one is assigned it. */
async function move(from: HandFed, to: HandFed, fromOffset = 0): Promise<void> {
  const records = from.records(partition)
  from.assign([])
  to.assign([partition], { replaying: true, previous: new Map([[partition, memberOf(from)]]) })
  await to.replay(partition, records, fromOffset)
}

const samplesOf = async (shard: HandFed, scraper = 'p') => {
  const response = await shard.get(`/metrics?view=all&scraper=${scraper}`)
  expect(response.status).toBe(200)
  const text = await response.text()
  return [...text.matchAll(/^requests_total\{[^}]*a:1[^}]*\} (\d+)/gm)].map(m => Number(m[1]))
}
const telemetry = async (shard: HandFed) => (await shard.get('/telemetry')).text()

describe('a planned move', () => {
  test('continues the scrapers of the view all where the previous owner stopped', async () => {
    const [a, b] = [await start(), await start()]
    a.assign([partition])
    let value = 0
    const publish = (shard: HandFed) =>
      shard.append({ labels: app, values: [++value], sequence: value })
    await publish(a)
    expect(await samplesOf(a)).toEqual([1])
    await publish(a)
    expect(await samplesOf(a)).toEqual([2])
    await publish(a)
    await publish(a)
    await move(a, b)
    await publish(b)
    expect(await samplesOf(b)).toEqual([3, 4, 5])
    expect(await telemetry(b)).toContain('exposer_handovers_total{result="received"} 1\n')
    expect(await telemetry(b)).toContain('exposer_scraper_positions_unknown_total 0\n')
    expect(await telemetry(a)).not.toContain('exposer_samples_dropped_total{')
  })

  test('keeps targets that died before the replay, and lists are whole at once', async () => {
    const [a, b] = [await start(), await start()]
    a.assign([partition])
    await a.append({ labels: dead, intervalMs: 1000 })
    a.ahead = b.ahead = 5000
    await a.append({ labels: app })
    const told = await (await a.get(path(dead))).text()
    expect(told).toMatch(/^no snapshot for \d\.\d s/)
    await move(a, b, 1)
    await eventually(async () =>
      expect((await b.get('/sd?scope=shard', impatient)).status).toBe(200),
    )
    expect(await (await b.get('/sd?scope=shard')).json()).toHaveLength(2)
    const response = await b.get(path(dead))
    expect([response.status, (await response.text()).slice(0, 17)]).toEqual([
      503,
      told.slice(0, 17),
    ])
  })

  test('is handed over once', async () => {
    const [a, b] = [await start(), await start()]
    a.assign([partition])
    await a.append({ labels: app })
    await move(a, b)
    await eventually(() => expect(a.services.handovers.pending).toBe(0))
    const headers = { 'x-exposer-secret': a.services.secret }
    const response = await a.get(`/api/v1/handover?partition=${partition}`, headers)
    expect(response.status).toBe(404)
  })
})

describe('a handover is given', () => {
  test('to those who know the secret of the shard only', async () => {
    const a = await start()
    a.assign([partition])
    await a.append({ labels: app })
    a.assign([])
    const ask = (headers: Record<string, string>) =>
      a.get(`/api/v1/handover?partition=${partition}`, headers)
    expect((await ask({})).status).toBe(403)
    expect((await ask({ 'x-exposer-secret': 'x' })).status).toBe(403)
    expect((await ask({ 'x-exposer-secret': a.services.secret.replace(/./g, '0') })).status).toBe(
      403,
    )
    expect(a.services.handovers.pending).toBe(1)
    const response = await ask({ 'x-exposer-secret': a.services.secret })
    expect([response.status, (await response.text()).split('\n').length]).toEqual([200, 4])
    await eventually(() => expect(a.services.handovers.pending).toBe(0))
  })

  test('without user and password, which shards do not have', async () => {
    const [a, b] = await configured.pair(users)
    const moved = partitionOf({ job: 'shop', instance: 'a:1' })
    b.assign([])
    a.assign([0, 1, 2, 3], {
      kept: [0, 1, 2, 3].filter(p => p !== moved),
      replaying: true,
      previous: new Map([[moved, memberOf(b)]]),
    })
    await a.replay(moved, b.records(moved))
    expect(await a.services.telemetry.registry.metrics()).toContain(
      'exposer_handovers_total{result="received"} 1',
    )
  })
})

describe('a previous owner that answers', () => {
  const stranger = async (answer: (write: (text: string) => boolean, end: () => void) => void) => {
    const server = createServer((_, response) =>
      answer(
        text => response.write(text),
        () => response.end(),
      ),
    )
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return encodeMember({ address: `http://127.0.0.1:${port}`, secret: 's' })
  }
  const takeFrom = async (previous: Uint8Array) => {
    const [source, b] = [await start(), await start()]
    source.assign([partition])
    await source.append({ labels: app })
    b.assign([partition], { replaying: true, previous: new Map([[partition, previous]]) })
    await b.replay(partition, source.records(partition))
    expect((await b.get(path(app))).status).toBe(200)
    return b
  }

  test.each([
    ['nonsense', 'nonsense\n'],
    ['another version', '{"version":2}\n'],
    ['nothing', ''],
    ['a line without an end', `{"version":1,"x":"${'x'.repeat(2_000_000)}`],
  ])('%s is not believed', async (_, text) => {
    const b = await takeFrom(
      await stranger((write, end) => {
        write(text)
        end()
      }),
    )
    await eventually(async () =>
      expect((await b.get('/sd?scope=shard', impatient)).status).toBe(200),
    )
    expect(await telemetry(b)).toContain('exposer_handovers_total{result="failed"} 1\n')
  })

  test('not at all holds the replay up for a second', async () => {
    const began = performance.now()
    const b = await takeFrom(await stranger(() => {}))
    const waited = performance.now() - began
    expect(waited).toBeGreaterThan(900)
    // Lists wait for the targets that only the previous owner knows.
    expect((await b.get('/sd?scope=shard', impatient)).status).toBe(503)
    await eventually(async () =>
      expect((await b.get('/sd?scope=shard', impatient)).status).toBe(200),
    )
  })
})
