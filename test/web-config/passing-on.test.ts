import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { hashSync } from 'bcryptjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GroupMap } from '../../shared/kafka/types.js'
import { HandFed, manySeries, oneCounter, PARTITIONS, partitionOf, path } from '../exposer/hand-fed.js'
import { eventually } from '../support/eventually.js'
import { ask, basic } from './ask.js'
import { type Certificate, Folder } from './certificates.js'

const folder = new Folder()
afterAll(() => folder.remove())

const app = { job: 'shop', instance: 'a:1' }
const all = Array.from({ length: PARTITIONS }, (_, p) => p)
const others = all.filter(p => p !== partitionOf(app))
const headers = basic('alice', 'secret')
const users = `basic_auth_users:\n  alice: ${hashSync('secret', 4)}\n`

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})
let files = 0
const start = async (webConfig: string): Promise<HandFed> => {
  const shard = await HandFed.start({ webConfigFile: folder.write(`web-${files++}.yml`, webConfig) })
  stops.push(() => shard.stop())
  return shard
}
const mapOf = (url: string, owner: string) => (): GroupMap => ({
  stable: true,
  partitionCount: PARTITIONS,
  members: [
    { memberId: 'a', address: url, partitions: others },
    { memberId: 'b', address: owner, partitions: [partitionOf(app)] },
  ],
})
/** Two shards, of which the second owns the app's partition. */
const pair = async (webConfig: string, ofOwner = webConfig): Promise<[HandFed, HandFed]> => {
  const [asked, owner] = [await start(webConfig), await start(ofOwner)]
  asked.map = owner.map = mapOf(asked.url, owner.url)
  asked.assign(others)
  owner.assign([partitionOf(app)])
  await owner.append({ labels: app })
  return [asked, owner]
}
/** Instead of a shard: what a test makes of it. */
const stranger = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
  const server: Server = createServer(answer).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  stops.push(async () => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const neighbours = Array.from({ length: 100 }, (_, i) => ({ job: 'shop', instance: `n:${i}` }))
const unheard = neighbours.find(labels => partitionOf(labels) === partitionOf(app))!

describe('with users, a target of another shard', () => {
  test('is answered as its owner answers it', async () => {
    const [asked] = await pair(users)
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
  test('is not answered to who is unknown: the owner is not even asked', async () => {
    const [asked, owner] = await pair(users)
    expect((await ask(asked.url + path(app))).status).toBe(401)
    expect(owner.web!.turnedAway.credentials).toBe(0)
  })

  test('comes in the format and encoding that was asked for, with the time there is for it', async () => {
    const seen: IncomingMessage[] = []
    const owner = await stranger((request, response) => {
      seen.push(request)
      response.setHeader('content-type', 'text/plain')
      response.end('ok\n')
    })
    const asked = await start(users)
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

  test('arrives whole and compressed, however long it is', async () => {
    const [asked, owner] = await pair(users)
    const values = Array.from({ length: 20_000 }, (_, i) => i)
    await owner.append({ labels: app, sequence: 1, layout: manySeries(20_000), values })
    const answer = await ask(asked.url + path(app), { headers: { ...headers, 'accept-encoding': 'gzip' } })
    expect(answer.headers['content-encoding']).toBe('gzip')
    const text = gunzipSync(answer.body).toString()
    expect(text.match(/^many\{/gm)).toHaveLength(20_000)
  })

  test('is passed on once: who is asked by a shard asks nobody else', async () => {
    const [asked, owner] = await pair(users)
    // Each believes that the other has it.
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
    await eventually(async () => expect(await begun(owner)).toBe('1'))
  })

  test('is found again when its owner has just left and sends us on', async () => {
    let asks = 0
    const left = await stranger((_, response) => {
      asks++
      response.writeHead(307, { location: 'http://127.0.0.1:1/target' }).end()
    })
    const [asked, owner] = await pair(users)
    asked.map = mapOf(asked.url, left)
    asked.services.group.forget()
    const answer = ask(asked.url + path(app), { headers })
    await eventually(() => expect(asks).toBeGreaterThan(1))
    asked.map = mapOf(asked.url, owner.url)
    asked.services.group.forget()
    expect((await answer).status).toBe(200)
  })

  test('is 502 with the reason when its owner cannot be reached, and 504 when it is silent', async () => {
    const asked = await start(users)
    asked.assign(others)
    asked.map = mapOf(asked.url, 'http://127.0.0.1:1')
    const gone = await ask(asked.url + path(app), { headers })
    expect(gone.status).toBe(502)
    expect(gone.text).toMatch(/^shard http:\/\/127\.0\.0\.1:1 .* does not answer: .*ECONNREFUSED/)
    asked.map = mapOf(asked.url, await stranger(() => {}))
    asked.services.group.forget()
    const silent = await ask(asked.url + path(app), {
      headers: { ...headers, 'x-prometheus-scrape-timeout-seconds': '0.3' },
    })
    expect(silent.status).toBe(504)
  })

  test('is cut off when its owner cuts it off: half an exposition is never a whole one', async () => {
    const owner = await stranger((_, response) => {
      response.write('a 1\n')
      setImmediate(() => response.destroy())
    })
    const asked = await start(users)
    asked.map = mapOf(asked.url, owner)
    asked.assign(others)
    await expect(ask(asked.url + path(app), { headers })).rejects.toThrow(/aborted|hang up|ECONNRESET/)
  })

  test('is no longer asked for when the client goes away', async () => {
    let closed = 0
    let begun = 0
    const owner = await stranger((request, response) => {
      begun++
      response.write('a 1\n')
      request.socket.once('close', () => closed++)
    })
    const asked = await start(users)
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
  test('a target of another shard is redirected as before, over TLS too', async () => {
    const server = folder.selfSigned('redirecting')
    const [asked, owner] = await pair(tlsOf(server))
    const answer = await ask(asked.url + path(app), { ca: server.cert, headers })
    expect(answer.status).toBe(307)
    expect(answer.headers.location).toBe(`${owner.url}${path(app)}&__hop=1`)
  })

  test('credentials that a client sends are not shown to other shards', async () => {
    const seen: IncomingMessage[] = []
    const other = await stranger((request, response) => {
      seen.push(request)
      response.statusCode = 503
      response.end()
    })
    const asked = await start('')
    asked.map = mapOf(asked.url, other)
    asked.assign(others)
    const patience = { 'x-prometheus-scrape-timeout-seconds': '0.2' }
    await ask(`${asked.url}/sd`, { headers: { ...headers, ...patience } })
    expect(seen.length).toBeGreaterThan(0)
    expect(seen[0].headers.authorization).toBeUndefined()
  })
})

const tlsOf = ({ certFile, keyFile }: Certificate, ...lines: string[]) =>
  `${['tls_server_config:', `cert_file: ${certFile}`, `key_file: ${keyFile}`, ...lines].join('\n  ')}\n`

describe('shards with TLS trust each other', () => {
  let authority: Certificate
  beforeAll(() => {
    authority = folder.selfSigned('group-authority', 'DNS:authority')
  })
  const works = async ([asked]: [HandFed, HandFed], options: object = {}) => {
    const mine = { headers, rejectUnauthorized: false, ...options }
    const answer = await ask(asked.url + path(app), mine)
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('requests_total')])
    const list = await ask(`${asked.url}/sd`, mine)
    expect(list.status).toBe(200)
    expect(JSON.parse(list.text)).toHaveLength(1)
    const rows = await ask(`${asked.url}/api/v1/targets`, mine)
    expect(JSON.parse(rows.text)).not.toHaveProperty('warnings')
  }

  test('by one certificate that all have, whatever names are in it', async () => {
    await works(await pair(tlsOf(folder.selfSigned('shared', 'DNS:exposer.example')) + users))
    await works(await pair(tlsOf(folder.signed('shared-too', authority, 'DNS:exposer.example')) + users))
  })

  test('by certificates of their own, with their addresses in them, of an authority in client_ca_file', async () => {
    const rule = ['client_auth_type: RequireAndVerifyClientCert', `client_ca_file: ${authority.certFile}`]
    const [a, b] = ['of-a', 'of-b'].map(name => folder.signed(name, authority))
    const prometheus = folder.signed('prometheus', authority, 'DNS:prometheus')
    await works(await pair(tlsOf(a, ...rule) + users, tlsOf(b, ...rule) + users), {
      cert: prometheus.cert,
      key: prometheus.key,
    })
  })

  test('by the certificate of the authority after their own in cert_file', async () => {
    const chained = (name: string) => {
      const one = folder.signed(name, authority)
      return { ...one, certFile: folder.write(`${name}-chain.pem`, one.cert + authority.cert) }
    }
    await works(await pair(tlsOf(chained('chained-a')) + users, tlsOf(chained('chained-b')) + users))
  })

  test('and nobody else: a stranger gets no credentials, nor does who is reached in the clear', async () => {
    const [asked] = await pair(
      tlsOf(folder.selfSigned('one')) + users,
      tlsOf(folder.selfSigned('two')) + users,
    )
    const mine = { headers, rejectUnauthorized: false }
    const answer = await ask(asked.url + path(app), mine)
    expect([answer.status, answer.text]).toEqual([502, expect.stringMatching(/self-signed certificate/)])
    const seen: IncomingMessage[] = []
    asked.map = mapOf(asked.url, await stranger(request => seen.push(request)))
    asked.services.group.forget()
    const clear = await ask(asked.url + path(app), mine)
    expect([clear.status, clear.text]).toEqual([502, expect.stringMatching(/in the clear/)])
    expect(seen).toEqual([])
  })

  test('by another name is not enough: its certificate has to name where it is reached', async () => {
    const named = folder.signed('named', authority, 'DNS:elsewhere.example')
    const rule = ['client_auth_type: VerifyClientCertIfGiven', `client_ca_file: ${authority.certFile}`]
    const [asked] = await pair(
      tlsOf(folder.signed('asking', authority), ...rule) + users,
      tlsOf(named, ...rule) + users,
    )
    const answer = await ask(asked.url + path(app), { headers, rejectUnauthorized: false })
    expect([answer.status, answer.text]).toEqual([502, expect.stringMatching(/not in the cert's list/)])
  })
})

describe('lists of the whole group', () => {
  let shards: [HandFed, HandFed]
  beforeEach(async () => {
    shards = await pair(users)
    await shards[0].append({ labels: neighbour, layout: oneCounter })
  })
  const neighbour = neighbours.find(labels => partitionOf(labels) !== partitionOf(app))!

  test.each(['/sd', '/api/v1/targets', '/api/v1/ledger'])(
    '%s is asked for with the credentials of who asks',
    async list => {
      for (const shard of shards) {
        const answer = await ask(shard.url + list, { headers })
        expect(answer.status).toBe(200)
        expect(answer.text).toContain('"a:1"')
        expect(answer.text).toContain(`"${neighbour.instance}"`)
        expect(answer.text).not.toContain('warnings')
      }
    },
  )
})
