import type { IncomingMessage } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type HandFed, manySeries, partitionOf, path } from '../../../exposer/hand-fed.js'
import { eventually } from '../../../support/eventually.js'
import { ask } from './ask.js'
import { app, headers, mapOf, neighbours, others, Shards, tlsOf, users } from './two-shards.js'

const shards = new Shards()
afterEach(() => shards.stop())
afterAll(() => shards.folder.remove())

const unheard = neighbours.find(labels => partitionOf(labels) === partitionOf(app))!

describe('with users, a request for a target of another shard', () => {
  test('is answered with the response of the owner', async () => {
    const [asked] = await shards.pair(users)
    const answer = await ask(asked.url + path(app), { headers })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('requests_total{path="/"} 42\n')
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    const missing = await ask(asked.url + path(unheard), { headers })
    expect(missing.status).toBe(404)
    expect(missing.text).toMatch(/^no such target/)
    const head = await ask(asked.url + path(app), { headers, method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
  })
  test('without valid credentials is refused without a request to the owner', async () => {
    const [asked, owner] = await shards.pair(users)
    expect((await ask(asked.url + path(app))).status).toBe(401)
    expect(owner.web!.refused.credentials).toBe(0)
  })

  test('is forwarded with format, encoding and scrape timeout', async () => {
    const seen: IncomingMessage[] = []
    const owner = await shards.stranger((request, response) => {
      seen.push(request)
      response.setHeader('content-type', 'text/plain')
      response.end('ok\n')
    })
    const asked = await shards.start(users)
    asked.map = mapOf(asked.url, owner)
    asked.assign(others)
    const wanted = { accept: 'application/openmetrics-text', 'accept-encoding': 'gzip' }
    await ask(`${asked.url}${path(app)}&__timestamps=true`, {
      headers: { ...headers, ...wanted, 'x-prometheus-scrape-timeout-seconds': '5', cookie: 'a=b' },
    })
    expect(seen[0].url).toBe(`${path(app)}&__timestamps=true`)
    expect(seen[0].headers).toMatchObject({ ...wanted, ...headers, 'x-exposer-hop': '1' })
    expect(seen[0].headers.cookie).toBeUndefined()
    const seconds = Number(seen[0].headers['x-prometheus-scrape-timeout-seconds'])
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(4.5)
  })

  test('yields a large exposition completely and compressed', async () => {
    const [asked, owner] = await shards.pair(users)
    const values = Array.from({ length: 20_000 }, (_, i) => i)
    await owner.append({ labels: app, sequence: 1, layout: manySeries(20_000), values })
    const answer = await ask(asked.url + path(app), {
      headers: { ...headers, 'accept-encoding': 'gzip' },
    })
    expect(answer.headers['content-encoding']).toBe('gzip')
    const text = gunzipSync(answer.body).toString()
    expect(text.match(/^many\{/gm)).toHaveLength(20_000)
  })

  test('is forwarded again until its deadline, and not in a circle, if each shard takes the other for the owner', async () => {
    const [asked, owner] = await shards.pair(users)
    // Each shard takes the other for the owner.
    owner.map = mapOf(owner.url, asked.url)
    owner.assign(others)
    const answer = await ask(asked.url + path(app), {
      headers: { ...headers, 'x-prometheus-scrape-timeout-seconds': '0.5' },
    })
    expect([503, 504]).toContain(answer.status)
    const begun = async (shard: HandFed) =>
      /exposer_scrapes_total\{path="\/target",code="\d+"\} (\d+)/.exec(
        (await ask(`${shard.url}/telemetry`, { headers })).text,
      )?.[1]
    expect(await begun(asked)).toBe('1')
    // Every tenth of a second.
    await eventually(async () => expect(Number(await begun(owner))).toBeGreaterThanOrEqual(1))
    expect(Number(await begun(owner))).toBeLessThanOrEqual(6)
  })

  test('is forwarded to the new owner when the old one redirects', async () => {
    let asks = 0
    const left = await shards.stranger((_, response) => {
      asks++
      response.writeHead(307, { location: 'http://127.0.0.1:1/target' }).end()
    })
    const [asked, owner] = await shards.pair(users)
    asked.map = mapOf(asked.url, left)
    asked.services.group.forget()
    const answer = ask(asked.url + path(app), { headers })
    await eventually(() => expect(asks).toBeGreaterThan(1))
    asked.map = mapOf(asked.url, owner.url)
    asked.services.group.forget()
    expect((await answer).status).toBe(200)
  })

  test('is 502 with the reason when the owner cannot be reached, and 504 when it times out', async () => {
    const asked = await shards.start(users)
    asked.assign(others)
    asked.map = mapOf(asked.url, 'http://127.0.0.1:1')
    const gone = await ask(asked.url + path(app), { headers })
    expect(gone.status).toBe(502)
    expect(gone.text).toMatch(/^shard http:\/\/127\.0\.0\.1:1 .* does not answer: .*ECONNREFUSED/)
    asked.map = mapOf(asked.url, await shards.stranger(() => {}))
    asked.services.group.forget()
    const silent = await ask(asked.url + path(app), {
      headers: { ...headers, 'x-prometheus-scrape-timeout-seconds': '0.3' },
    })
    expect(silent.status).toBe(504)
  })

  test('never sends a password over plain HTTP, unless a flag allows it', async () => {
    const seen: IncomingMessage[] = []
    shards.peers = {}
    const owner = await shards.stranger(request => seen.push(request))
    const asked = await shards.start(users)
    asked.map = mapOf(asked.url, owner)
    asked.assign(others)
    const target = await ask(asked.url + path(app), { headers })
    expect([target.status, target.text]).toEqual([
      502,
      expect.stringMatching(/not sent in the clear.*--web\.peer-credentials-over-http/),
    ])
    const patience = { 'x-prometheus-scrape-timeout-seconds': '0.3' }
    const list = await ask(`${asked.url}/sd`, { headers: { ...headers, ...patience } })
    expect([list.status, list.text]).toEqual([
      503,
      expect.stringMatching(/--web\.peer-credentials-over-http/),
    ])
    expect(seen).toEqual([])
  })

  test.each([
    ['a status that is no answer to a scrape', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['a status that Node cannot send', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a redirect elsewhere', 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['nothing', ''],
  ])('is 502 and never 500 when the owner answers with %s', async (_, bytes) => {
    const owner = await shards.stranger(({ socket }) => socket.end(bytes))
    const asked = await shards.start(users)
    asked.map = mapOf(asked.url, owner)
    asked.assign(others)
    const answer = await ask(asked.url + path(app), { headers })
    expect([answer.status, answer.text]).toEqual([502, expect.stringMatching(/does not answer: /)])
    expect(asked.log.filter(({ level }) => level === 'error')).toEqual([])
  })

  test.each(['http//nowhere', 'http://[', 'ftp://127.0.0.1', ''])(
    'is 503 or 502 and never 500 when the owner advertises "%s"',
    async address => {
      const asked = await shards.start(users)
      asked.map = mapOf(asked.url, address)
      asked.assign(others)
      const answer = await ask(asked.url + path(app), {
        headers: { ...headers, 'x-prometheus-scrape-timeout-seconds': '0.5' },
      })
      expect([502, 503]).toContain(answer.status)
      expect(asked.log.filter(({ level }) => level === 'error')).toEqual([])
    },
  )

  test('is cut off when the owner cuts it off: a partial exposition never looks complete', async () => {
    const owner = await shards.stranger((_, response) => {
      response.write('a 1\n')
      setImmediate(() => response.destroy())
    })
    const asked = await shards.start(users)
    asked.map = mapOf(asked.url, owner)
    asked.assign(others)
    await expect(ask(asked.url + path(app), { headers })).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    )
  })

  test('is aborted when the client closes its connection', async () => {
    let closed = 0
    let begun = 0
    const owner = await shards.stranger((request, response) => {
      begun++
      response.write('a 1\n')
      request.socket.once('close', () => closed++)
    })
    const asked = await shards.start(users)
    asked.map = mapOf(asked.url, owner)
    asked.assign(others)
    const leaving = new AbortController()
    const answer = ask(asked.url + path(app), { headers, signal: leaving.signal })
    const failed = expect(answer).rejects.toThrow()
    await eventually(() => expect(begun).toBe(1))
    leaving.abort()
    await failed
    await eventually(() => expect(closed).toBe(1))
  })
})

describe('without users', () => {
  test('a request for a target of another shard is redirected, also with TLS', async () => {
    const server = shards.folder.selfSigned('redirecting')
    const [asked, owner] = await shards.pair(tlsOf(server))
    const answer = await ask(asked.url + path(app), { ca: server.cert, headers })
    expect(answer.status).toBe(307)
    expect(answer.headers.location).toBe(`${owner.url}${path(app)}&__hop=1`)
  })

  test('credentials of a client are not forwarded to other shards', async () => {
    const seen: IncomingMessage[] = []
    const other = await shards.stranger((request, response) => {
      seen.push(request)
      response.statusCode = 503
      response.end()
    })
    const asked = await shards.start('')
    asked.map = mapOf(asked.url, other)
    asked.assign(others)
    const leaving = new AbortController()
    const answer = ask(`${asked.url}/sd`, { headers, signal: leaving.signal })
    const failed = expect(answer).rejects.toThrow()
    await eventually(() => expect(seen.length).toBeGreaterThan(0))
    leaving.abort()
    await failed
    expect(seen[0].headers.authorization).toBeUndefined()
  })
})
