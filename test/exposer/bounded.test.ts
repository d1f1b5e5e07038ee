import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { HandFed, manySeries, PARTITIONS, path } from './hand-fed.js'

const all = Array.from({ length: PARTITIONS }, (_, p) => p)
const app = { job: 'shop', instance: 'a:1' }
const MAX = 4

let shard: HandFed
const stuck: Socket[] = []
beforeEach(async () => {
  shard = await HandFed.start({ maxRequests: MAX })
})
afterEach(async () => {
  for (const socket of stuck.splice(0)) socket.destroy()
  await shard.stop()
})

const pool = (name: string) => shard.services.responses.pools.get(name)!

/** Asks and never reads. */
function askAndStick(request: string): void {
  const { hostname, port } = new URL(shard.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.pause()
  socket.write(`GET ${request} HTTP/1.1\r\nHost: test\r\n\r\n`)
  stuck.push(socket)
}

async function fill(): Promise<void> {
  const layout = manySeries(40_000)
  for (let i = 0; i < 5; i++)
    await shard.append({ labels: { job: `large-${i}` }, layout, values: new Float64Array(40_000) })
  for (let i = 0; i < MAX; i++) askAndStick('/metrics')
  await eventually(() => expect(pool('scrapes').used).toBe(MAX))
}

describe('a handover that releases 500 held requests at once', () => {
  test('answers all of them, with no more responses at a time than --web.max-requests', async () => {
    shard.assign(all, { replaying: true })
    const answers = Array.from({ length: 500 }, (_, i) => shard.get(i % 2 ? '/metrics' : path(app)))
    await eventually(() => expect(shard.services.changes.waiting).toBe(500))
    expect(pool('scrapes').used).toBe(0)
    let most = 0
    const { shard: core } = shard.services
    const { find } = core
    core.find = key => {
      most = Math.max(most, pool('scrapes').used)
      return find.call(core, key)
    }
    for (const partition of all) shard.loaded(partition)
    await shard.append({ labels: app })
    const statuses = await Promise.all(
      answers.map(async answer => {
        const { status, text } = await answer.then(async a => ({
          status: a.status,
          text: await a.text(),
        }))
        return [status, text.length > 0]
      }),
    )
    expect(statuses).toEqual(Array.from({ length: 500 }, () => [200, true]))
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(MAX)
    await eventually(() => expect(pool('scrapes').used).toBe(0))
  })

  test('a request whose partition moved on while it waited for its turn is not answered here', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    await fill()
    const answer = shard.get(path(app), { 'x-prometheus-scrape-timeout-seconds': '60' })
    await eventually(() => expect(pool('scrapes').waiting).toBe(1))
    shard.map = () => ({
      stable: true,
      partitionCount: PARTITIONS,
      members: [{ memberId: 'b', address: 'http://192.0.2.1:9754', partitions: all }],
    })
    shard.assign([])
    for (const socket of stuck) socket.destroy()
    const { status, headers } = await answer
    expect([status, headers.get('location')]).toEqual([
      307,
      expect.stringContaining('http://192.0.2.1:9754/target?'),
    ])
  })
})

describe('scrapers that read nothing', () => {
  beforeEach(async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    await fill()
  })

  test('never keep probes, the page and the metrics of the shard waiting', async () => {
    for (const path of ['/-/healthy', '/-/ready', '/', '/telemetry'])
      expect([path, (await shard.get(path)).status]).toEqual([path, 200])
    const text = await (await shard.get('/telemetry')).text()
    expect(text).toContain(`exposer_responses_in_progress{pool="scrapes"} ${MAX}\n`)
  })

  test('make others wait, who are told what to do and counted by reason', async () => {
    for (const path of ['/metrics', '/sd', '/api/v1/targets']) {
      const refused = await shard.get(path, { 'x-prometheus-scrape-timeout-seconds': '0.3' })
      expect([path, refused.status]).toEqual([path, 503])
      expect(await refused.text()).toContain('raise --web.max-requests')
    }
    const text = await (await shard.get('/telemetry')).text()
    expect(text).toContain('exposer_requests_refused_total{reason="timeout"} 3\n')
  })

  test('retain memory for as many responses as there are slots, however many connect', async () => {
    for (let i = 0; i < 200; i++) askAndStick('/metrics')
    await eventually(() => expect(pool('scrapes').waiting).toBe(200))
    expect(pool('scrapes').used).toBe(MAX)
    const text = await (await shard.get('/telemetry')).text()
    expect(text).toContain('exposer_requests_queued{pool="scrapes"} 200\n')
  })
})

test('a list that another shard asks for waits in a queue of its own', async () => {
  shard.assign(all)
  await shard.append({ labels: app })
  await fill()
  expect((await shard.get('/sd?scope=shard')).status).toBe(200)
})

test('a body that is read slowly but steadily arrives whole', async () => {
  shard.assign(all)
  const layout = manySeries(20_000)
  await shard.append({ labels: app, layout, values: new Float64Array(20_000) })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${shard.url}/metrics`, resolve).on('error', reject)
  })
  let text = ''
  for await (const chunk of response) {
    text += chunk
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(text.match(/^many\{/gm)).toHaveLength(20_000)
})

test('clients that leave at any moment leave nothing behind', async () => {
  shard.assign(all)
  await shard.append({ labels: app })
  await fill()
  for (const socket of stuck.splice(0)) socket.destroy()
  const { hostname, port } = new URL(shard.url)
  const paths = [path(app), '/metrics', '/metrics?view=all&scraper=p', '/sd', '/sd?scope=shard']
  const more = [
    '/api/v1/targets',
    '/telemetry',
    '/',
    '/target?job=shop&instance=elsewhere',
    '/none',
  ]
  /** A repeatable sequence of numbers below `n`. */
  let seed = 7
  const draw = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((seed / 2 ** 31) * n)
  }
  const client = () =>
    new Promise<void>(resolve => {
      const socket = connect(Number(port), hostname)
      socket.once('close', () => resolve())
      socket.on('error', () => {})
      if (draw(3) === 0) socket.pause()
      else socket.resume()
      for (let i = draw(5); i >= 0; i--) {
        const asked = [...paths, ...more][draw(paths.length + more.length)]
        const timeout = draw(2) ? `X-Prometheus-Scrape-Timeout-Seconds: 0.${1 + draw(9)}\r\n` : ''
        socket.write(`${draw(6) ? 'GET' : 'HEAD'} ${asked} HTTP/1.1\r\nHost: t\r\n${timeout}\r\n`)
      }
      const leave = () => (draw(2) ? socket.destroy() : socket.resetAndDestroy())
      let turns = draw(200)
      const turn = () => (turns-- > 0 ? setImmediate(turn) : leave())
      turn()
    })
  for (let round = 0; round < 10; round++) {
    const clients = Array.from({ length: 40 }, client)
    if (round % 3 === 0) {
      shard.assign(all, { replaying: true })
      for (const partition of all) shard.loaded(partition)
      await shard.append({ labels: app })
    }
    await Promise.all(clients)
  }
  const { responses } = shard.services
  await eventually(() => {
    expect([responses.inProgress, responses.bytes]).toEqual([0, 0])
    for (const { used, waiting } of responses.pools.values())
      expect([used, waiting]).toEqual([0, 0])
  })
  expect(shard.log.filter(({ level }) => level === 'error')).toEqual([])
  expect((await shard.get(path(app))).status).toBe(200)
})
