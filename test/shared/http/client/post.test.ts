import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { HttpClient } from '../../../../shared/http/client/types.js'
import { Certificates } from '../../../support/certificates.js'
import { clientOf, Peer } from './peer.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const clientFor = (...args: Parameters<typeof clientOf>): HttpClient => {
  const client = clientOf(...args)
  cleanups.push(() => client.close())
  return client
}

const post = (client: HttpClient, url: URL, more: object = {}) =>
  client.request({
    ...{ method: 'POST', url, body: Buffer.from('samples'), timeoutMs: 30_000, maxBytes: 1000 },
    ...more,
  })

const OK = 'HTTP/1.1 204 No Content\r\n\r\n'

/** A server of bytes: `answer` gets each connection, and what was received on it so far. */
class RawServer {
  readonly sockets: Socket[] = []
  closed = 0

  private constructor(readonly server: Server) {}

  static async start(answer: (socket: Socket, received: string) => void): Promise<RawServer> {
    const server = createServer()
    const raw = new RawServer(server)
    server.on('connection', socket => {
      raw.sockets.push(socket)
      let received = ''
      socket.on('error', () => {})
      socket.on('close', () => raw.closed++)
      socket.on('data', chunk => {
        received += chunk.toString('latin1')
        answer(socket, received)
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      for (const socket of raw.sockets) socket.destroy()
      server.close()
    })
    return raw
  }

  url(path = '/write'): URL {
    return new URL(`http://127.0.0.1:${(this.server.address() as { port: number }).port}${path}`)
  }
}

const requestsIn = (received: string) => received.split('samples').length - 1

/** Answers each whole request. */
const answering = (text: string) => {
  const answered = new Map<Socket, number>()
  return (socket: Socket, received: string) => {
    while ((answered.get(socket) ?? 0) < requestsIn(received)) {
      answered.set(socket, (answered.get(socket) ?? 0) + 1)
      socket.write(text)
    }
  }
}

describe('a connection', () => {
  test('is used by one request after the other', async () => {
    const server = await RawServer.start(answering(OK))
    const client = clientFor()
    for (let i = 0; i < 5; i++) expect((await post(client, server.url())).status).toBe(204)
    expect(server.sockets).toHaveLength(1)
  })

  test.each([
    ['says that it closes it', 'HTTP/1.1 204 x\r\nConnection: close\r\n\r\n'],
    ['keeps it for a second only', 'HTTP/1.1 204 x\r\nKeep-Alive: timeout=1\r\n\r\n'],
    ['answers twice', `${OK}${OK}`],
  ])('is not used again if the server %s', async (_, text) => {
    const server = await RawServer.start(answering(text))
    const client = clientFor()
    for (let i = 0; i < 3; i++) expect((await post(client, server.url())).status).toBe(204)
    expect(server.sockets).toHaveLength(3)
    await expect.poll(() => server.closed).toBe(3)
  })

  test('that the server closes while it is idle is replaced', async () => {
    const server = await RawServer.start(answering(OK))
    const client = clientFor()
    await post(client, server.url())
    server.sockets[0].end()
    await expect.poll(() => server.closed).toBe(1)
    expect((await post(client, server.url())).status).toBe(204)
    expect(server.sockets).toHaveLength(2)
  })

  test('of a request that failed is closed', async () => {
    const server = await RawServer.start(() => {})
    const request = post(clientFor(), server.url(), { timeoutMs: 50 })
    await expect(request).rejects.toMatchObject({ kind: 'timeout' })
    await expect.poll(() => server.closed).toBe(1)
  })

  test('of a request that was answered before it was received is closed', async () => {
    let isAnswered = false
    const server = await RawServer.start(socket => {
      if (isAnswered) return
      isAnswered = true
      socket.pause()
      socket.write('HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n')
    })
    const body = Buffer.alloc(16 * 1024 * 1024)
    expect((await post(clientFor(), server.url(), { body })).status).toBe(413)
    server.sockets[0].resume()
    await expect.poll(() => server.closed).toBe(1)
  })
})

describe('requests beyond the maximum of connections', () => {
  test('wait for one, in order', async () => {
    const server = await RawServer.start(answering(OK))
    const client = clientFor({}, { maxConnectionsPerHost: 1 })
    const order: number[] = []
    await Promise.all(
      [1, 2, 3, 4].map(async i => {
        await post(client, server.url())
        order.push(i)
      }),
    )
    expect(order).toEqual([1, 2, 3, 4])
    expect(server.sockets).toHaveLength(1)
  })

  test('end with their timeout, or when they are aborted, and leave the others alone', async () => {
    const held: Socket[] = []
    const server = await RawServer.start(socket => held.push(socket))
    const client = clientFor({}, { maxConnectionsPerHost: 1 })
    const first = post(client, server.url())
    await expect.poll(() => held.length).toBe(1)
    const stopping = new AbortController()
    const aborted = post(client, server.url(), { signal: stopping.signal })
    const late = post(client, server.url(), { timeoutMs: 20 })
    await expect(late).rejects.toMatchObject({ kind: 'timeout' })
    stopping.abort()
    await expect(aborted).rejects.toMatchObject({ kind: 'aborted' })
    held[0].write(OK)
    expect((await first).status).toBe(204)
  })
})

describe('a request', () => {
  test('has its path, its host, its headers and its body', async () => {
    let text = ''
    const server = await RawServer.start((socket, received) => {
      text = received
      if (requestsIn(received) === 1) socket.write(OK)
    })
    const url = new URL('/write?tenant=a%20b#part', server.url())
    url.username = 'user'
    url.password = 'p@ss'
    await post(clientFor(), url, { headers: { 'Content-Encoding': 'snappy' } })
    const [head, body] = text.split('\r\n\r\n')
    expect(body).toBe('samples')
    const [line, ...fields] = head.split('\r\n')
    expect(line).toBe('POST /write?tenant=a%20b HTTP/1.1')
    expect(fields.map(field => field.replace(/^[^:]+/, name => name.toLowerCase())).sort()).toEqual(
      [
        'accept-encoding: gzip',
        `authorization: Basic ${Buffer.from('user:p@ss').toString('base64')}`,
        'connection: keep-alive',
        'content-encoding: snappy',
        'content-length: 7',
        `host: ${url.host}`,
        'user-agent: test/1',
      ],
    )
  })

  test.each(['a\r\nX-Injected: 1', 'a\nb', 'a\0'])('has no header with %j', async value => {
    const server = await RawServer.start(answering(OK))
    await expect(
      post(clientFor(), server.url(), { headers: { 'X-Tenant': value } }),
    ).rejects.toMatchObject({ kind: 'config' })
    expect(server.sockets).toHaveLength(0)
  })
})

describe('with TLS', () => {
  const authority = new Certificates()
  const { key, cert } = authority.issue('server')
  let peer: Peer
  beforeAll(async () => {
    peer = await Peer.start(
      async (request, response) => {
        let body = ''
        for await (const chunk of request) body += chunk
        response.end(body)
      },
      { key: readFileSync(key), cert: readFileSync(cert) },
    )
  })
  afterAll(async () => {
    await peer.stop()
    authority.remove()
  })

  test('a connection is verified, and used again', async () => {
    const client = clientFor({ tls_config: { ca_file: authority.ca } })
    const before = peer.connections
    for (let i = 0; i < 3; i++)
      expect((await post(client, peer.url())).body.toString()).toBe('samples')
    expect(peer.connections - before).toBe(1)
    await expect(post(clientFor(), peer.url())).rejects.toMatchObject({ kind: 'tls' })
  })

  test('large bodies arrive whole in both directions', async () => {
    const client = clientFor({ tls_config: { ca_file: authority.ca } })
    const body = Buffer.alloc(3_000_000, 'abcdefg')
    const response = await post(client, peer.url(), { body, maxBytes: 4_000_000 })
    expect(response.body.equals(body)).toBe(true)
  })
})
