import { createServer, type Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { HttpClient } from '../../../../shared/http/client/types.js'
import { clientOf, get, Peer } from './peer.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const start = async (...args: Parameters<typeof Peer.start>): Promise<Peer> => {
  const peer = await Peer.start(...args)
  cleanups.push(() => peer.stop())
  return peer
}
const client = (...args: Parameters<typeof clientOf>): HttpClient => {
  const created = clientOf(...args)
  cleanups.push(() => created.close())
  return created
}

/** A server that answers each connection with raw bytes. */
async function rawServer(bytes: string): Promise<URL> {
  const server: Server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(bytes))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  return new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}/`)
}

describe('a request', () => {
  test('sends its headers and those of the configuration, which win', async () => {
    const peer = await start((_, response) => response.end('ok'))
    const http_headers = { 'X-Tenant': { values: ['a'], secrets: ['b'] } }
    const headers = { 'X-Tenant': 'mine', Accept: 'text/plain' }
    const response = await get(client({ http_headers }), peer.url('/m?x=1'), { headers })
    expect([response.status, response.body.toString()]).toEqual([200, 'ok'])
    expect(peer.requests[0].url).toBe('/m?x=1')
    expect(peer.requests[0].headers).toMatchObject({
      'x-tenant': 'a, b',
      accept: 'text/plain',
      'user-agent': 'test/1',
      'accept-encoding': 'gzip',
    })
  })

  test('posts a body', async () => {
    const received: Buffer[] = []
    const peer = await start((request, response) => {
      request.on('data', chunk => received.push(chunk))
      request.on('end', () => response.writeHead(204).end())
    })
    const body = Buffer.from('samples')
    const response = await get(client(), peer.url(), { method: 'POST', body })
    expect([response.status, response.body.length]).toEqual([204, 0])
    expect(Buffer.concat(received).toString()).toBe('samples')
    expect(peer.requests[0].headers['content-length']).toBe('7')
  })

  test('resolves with any status', async () => {
    const peer = await start((_, response) => response.writeHead(503).end('later'))
    expect(await get(client(), peer.url())).toMatchObject({ status: 503 })
  })

  test('reuses the connection of the one before', async () => {
    const peer = await start((_, response) => response.end('ok'))
    const http = client()
    for (let i = 0; i < 3; i++) await get(http, peer.url())
    expect(peer.connections).toBe(1)
  })

  test('waits for a connection when the host has its maximum', async () => {
    const peer = await start((_, response) => response.end('ok'))
    const http = client({}, { maxConnectionsPerHost: 2 })
    await Promise.all(Array.from({ length: 10 }, () => get(http, peer.url())))
    expect(peer.connections).toBe(2)
  })

  test('is repeated when the server closes the idle connection that it was sent on', async () => {
    const peer = await start((request, response) => {
      if (request.socket.bytesRead > 400) request.socket.destroy()
      else response.end('ok')
    })
    const http = client()
    const headers = { 'x-padding': 'x'.repeat(150) }
    await get(http, peer.url(), { headers })
    await get(http, peer.url(), { headers })
    expect(peer.connections).toBe(2)
  })
})

describe('a body', () => {
  const page = Buffer.from('series 1\n'.repeat(100_000))

  test('is decompressed', async () => {
    const peer = await start((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(page)),
    )
    const { body } = await get(client(), peer.url())
    expect(body.equals(page)).toBe(true)
  })

  test.each([
    ['as sent', { 'content-type': 'text/plain' }, page],
    ['decompressed', { 'content-encoding': 'gzip' }, gzipSync(page)],
  ])('above the limit, %s, is a failure', async (_, headers, body) => {
    const peer = await start((_, response) => response.writeHead(200, headers).end(body))
    await expect(get(client(), peer.url(), { maxBytes: page.length - 1 })).rejects.toMatchObject({
      kind: 'too_large',
      message: 'body size limit exceeded',
    })
    expect((await get(client(), peer.url(), { maxBytes: page.length })).status).toBe(200)
  })

  test('that never ends is cut at the limit, and its connection closed', async () => {
    const peer = await start((_, response) => {
      const write = () => {
        while (!response.destroyed && response.write(page));
      }
      response.on('drain', write)
      write()
    })
    await expect(get(client(), peer.url())).rejects.toMatchObject({ kind: 'too_large' })
    await expect.poll(() => peer.sockets.size).toBe(0)
  })

  test.each([
    ['deflate', 'unsupported content encoding "deflate"'],
    ['gzip', 'gzip: incorrect header check'],
  ])('with an invalid content coding (%s) is a failure', async (coding, message) => {
    const peer = await start((_, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end('plain'),
    )
    await expect(get(client(), peer.url())).rejects.toMatchObject({ kind: 'encoding', message })
  })
})

describe('a body over the limit that may be cut off', () => {
  const cut = (peer: Peer) => get(client(), peer.url(), { maxBytes: 10, truncate: true })

  test('has its beginning', async () => {
    const peer = await start((_, response) => response.writeHead(400).end('x'.repeat(100_000)))
    const { status, body } = await cut(peer)
    expect([status, body.toString()]).toEqual([400, 'xxxxxxxxxx'])
  })

  test('need not end', async () => {
    const peer = await start((_, response) => {
      response.writeHead(400)
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(1000)));
      }
      response.on('drain', write)
      write()
    })
    expect((await cut(peer)).status).toBe(400)
  })

  test('is empty if it is compressed', async () => {
    const peer = await start((_, response) =>
      response.writeHead(400, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(100_000))),
    )
    const { status, body } = await cut(peer)
    expect([status, body.length]).toEqual([400, 0])
  })
})

describe('redirects', () => {
  test('do not read a long body', async () => {
    const peer = await start((request, response) => {
      if (request.url === '/end') return response.end('here')
      return response.writeHead(302, { location: '/end' }).end(Buffer.alloc(100_000))
    })
    let reserved = 0
    const reserve = (bytes: number) => {
      reserved += bytes
      return true
    }
    const { body } = await get(client(), peer.url(), { reserve })
    expect(body.toString()).toBe('here')
    expect(reserved).toBeLessThan(50_000)
  })

  test('are followed within the host, with credentials', async () => {
    const peer = await start((request, response) => {
      if (request.url === '/metrics') response.writeHead(302, { location: '/other' }).end()
      else response.end('there')
    })
    const { body } = await get(client({ bearer_token: 'x' }), peer.url())
    expect(body.toString()).toBe('there')
    expect(peer.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer x',
      'Bearer x',
    ])
  })

  test('to another host are followed without credentials and configured headers', async () => {
    const other = await start((_, response) => response.end('there'))
    const peer = await start((_, response) =>
      response.writeHead(307, { location: other.url().href }).end(),
    )
    const config = { bearer_token: 'x', http_headers: { 'X-Key': { secrets: ['y'] } } }
    await get(client(config), peer.url(), { headers: { 'x-own': '1' } })
    expect(other.requests[0].headers).toMatchObject({ 'x-own': '1' })
    expect(Object.keys(other.requests[0].headers)).not.toContain('authorization')
    expect(Object.keys(other.requests[0].headers)).not.toContain('x-key')
  })

  test('are responses if the configuration says so', async () => {
    const peer = await start((_, response) => response.writeHead(302, { location: '/' }).end())
    const response = await get(client({ follow_redirects: false }), peer.url())
    expect(response.status).toBe(302)
  })

  test.each([301, 302, 303])('of a POST to a GET are responses: %i', async status => {
    const peer = await start((_, response) => response.writeHead(status, { location: '/' }).end())
    const request = { method: 'POST', url: peer.url(), body: Buffer.from('x') } as const
    const response = await client().request({ ...request, timeoutMs: 5000, maxBytes: 1000 })
    expect(response.status).toBe(status)
    expect(peer.requests).toHaveLength(1)
  })

  test.each([307, 308])('of a POST keep its body: %i', async status => {
    const bodies: string[] = []
    const peer = await start(async (incoming, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      bodies.push(Buffer.concat(chunks).toString())
      if (incoming.url === '/metrics') response.writeHead(status, { location: '/other' }).end()
      else response.end('there')
    })
    const request = { method: 'POST', url: peer.url(), body: Buffer.from('x') } as const
    const response = await client().request({ ...request, timeoutMs: 5000, maxBytes: 1000 })
    expect(response.body.toString()).toBe('there')
    expect(bodies).toEqual(['x', 'x'])
  })

  test('in a loop are a failure', async () => {
    const peer = await start((_, response) => response.writeHead(302, { location: '/' }).end())
    await expect(get(client(), peer.url())).rejects.toThrow('stopped after 10 redirects')
    expect(peer.requests).toHaveLength(11)
  })
})

describe('a failure has its kind and the text that Prometheus shows', () => {
  test('refused connection', async () => {
    const peer = await Peer.start(() => {})
    const { port } = peer
    const url = peer.url()
    await peer.stop()
    await expect(get(client(), url)).rejects.toMatchObject({
      kind: 'connect',
      message: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    })
  })

  test('unknown host', async () => {
    await expect(get(client(), new URL('http://host.invalid/'))).rejects.toMatchObject({
      kind: 'connect',
      message: expect.stringMatching(/^dial tcp: lookup host\.invalid: /),
    })
  })

  test('timeout before a response', async () => {
    const peer = await start(() => {})
    await expect(get(client(), peer.url(), { timeoutMs: 20 })).rejects.toMatchObject({
      kind: 'timeout',
      message: 'context deadline exceeded',
    })
    await expect.poll(() => peer.sockets.size).toBe(0)
  })

  test('timeout within the body', async () => {
    const peer = await start((_, response) => void response.write('begun'))
    await expect(get(client(), peer.url(), { timeoutMs: 50 })).rejects.toMatchObject({
      kind: 'timeout',
    })
  })

  test('connection closed without a response', async () => {
    await expect(get(client(), await rawServer(''))).rejects.toMatchObject({
      kind: 'closed',
      message: 'EOF',
    })
  })

  test('connection closed within the body', async () => {
    const url = await rawServer('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort')
    await expect(get(client(), url)).rejects.toMatchObject({
      kind: 'closed',
      message: 'unexpected EOF',
    })
  })

  test('a server that does not speak HTTP', async () => {
    await expect(get(client(), await rawServer('garbage\r\n\r\n'))).rejects.toMatchObject({
      kind: 'closed',
      message: expect.stringMatching(/^malformed HTTP response: /),
    })
  })

  test('an aborted request', async () => {
    const peer = await start(() => {})
    const controller = new AbortController()
    const requested = get(client(), peer.url(), { signal: controller.signal })
    controller.abort()
    await expect(requested).rejects.toMatchObject({ kind: 'aborted' })
  })

  test('a closed client', async () => {
    const http = clientOf()
    http.close()
    await expect(get(http, new URL('http://127.0.0.1:1/'))).rejects.toMatchObject({
      kind: 'aborted',
    })
  })
})
