import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Compressor, compressSync } from 'snappy'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bufferedCodec, snappyBlock, snappyFrames } from '../../../../shared/http/body/codecs.js'
import {
  type BodyLimits,
  REQUEST_BYTES,
  RequestBodies,
} from '../../../../shared/http/body/request-bodies.js'
import { eventually } from '../../../support/eventually.js'
import { RawClient, type RawResponse } from '../raw-client.js'
import { Served } from '../served.js'

const LIMITS: BodyLimits = {
  maxSent: 256 * 1024,
  maxDecoded: 1024 * 1024,
  maxHeld: 8 * 1024 * 1024,
  timeoutMs: 20_000,
}

/** A codec of the test that needs the complete body: it reverses the bytes. */
const reversed = bufferedCodec((encoded, maxBytes) => {
  if (encoded.length > maxBytes) throw Object.assign(new Error('large'), { reason: 'too_large' })
  if (encoded[0] === 0xff) throw new Error('it begins with 255')
  return Uint8Array.from(encoded).reverse()
})

const digest = (bytes: Uint8Array) =>
  `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}\n`

const CODECS = { reversed, snappy: snappyBlock, 'snappy-framed': snappyFrames }

let served: Served
let bodies: RequestBodies
/** How the handler answers a body. Default: with its digest. */
let handle: (body: Buffer) => Promise<string>
let handled: number
const clients: RawClient[] = []

async function start(limits: Partial<BodyLimits> = {}): Promise<void> {
  bodies = new RequestBodies({ ...LIMITS, ...limits }, CODECS)
  handled = 0
  handle = async body => digest(body)
  served = await Served.start(({ router }) =>
    router.post('/push', async ctx => {
      const body = await bodies.read(ctx)
      handled++
      ctx.body = await handle(body)
    }),
  )
}
beforeEach(() => start())
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await served.stop()
  expect(bodies.held).toBe(0)
  expect(served.log.filter(line => line.level !== 'debug')).toEqual([])
})

const restart = async (limits: Partial<BodyLimits>) => {
  await served.stop()
  await start(limits)
}

function connect(): RawClient {
  const client = new RawClient(served.port)
  clients.push(client)
  return client
}

/** Sends a complete body on a new connection. */
async function push(body: Uint8Array, headers: Record<string, string> = {}): Promise<RawResponse> {
  const client = connect()
  await client.head('POST /push', { 'Content-Length': body.length, ...headers })
  await client.write(body)
  return client.response()
}

const gzip = (body: Uint8Array) => push(body, { 'Content-Encoding': 'gzip' })
const text = (length: number) =>
  Buffer.from('metric{job="a"} 1\n'.repeat(Math.ceil(length / 18)).slice(0, length))
/** Incompressible bytes. */
const noise = (length: number) =>
  Buffer.concat(
    Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
      createHash('sha256').update(`${i}`).digest(),
    ),
  ).subarray(0, length)

describe('a body', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.record({ length: fc.nat(150_000), seed: fc.nat(255) }).map(({ length, seed }) => {
      const bytes = Buffer.alloc(length)
      for (let i = 0; i < length; i++) bytes[i] = (i * i * seed) >> 3
      return bytes
    }),
  )
  type Encode = (bytes: Uint8Array) => Buffer | Promise<Buffer>
  const thirds = (bytes: Uint8Array) => {
    const length = Math.ceil(bytes.length / 3)
    return [0, 1, 2].map(i => bytes.slice(i * length, (i + 1) * length))
  }
  const coding = fc.constantFrom<[contentEncoding: string, encode: Encode]>(
    ['', bytes => Buffer.from(bytes)],
    ['Identity', bytes => Buffer.from(bytes)],
    ['GZIP', bytes => gzipSync(bytes)],
    // Several gzip members form one body.
    ['x-gzip', bytes => Buffer.concat(thirds(bytes).map(part => gzipSync(part)))],
    ['reversed', bytes => Buffer.from(bytes).reverse()],
    ['snappy', bytes => compressSync(Buffer.from(bytes))],
    [
      'snappy-framed',
      async bytes => {
        const compressor = new Compressor()
        const begin = compressor.update(bytes)
        return Buffer.concat([begin, await compressor.finish()])
      },
    ],
  )

  test('is decoded correctly for any coding and chunking', async () => {
    await fc.assert(
      fc.asyncProperty(
        body,
        coding,
        fc.boolean(),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
        async (bytes, [contentEncoding, encode], chunked, cuts) => {
          if (contentEncoding === 'reversed' && bytes.at(-1) === 0xff) return
          const encoded = await encode(bytes)
          const at = [0, ...cuts.map(cut => Math.floor(cut * encoded.length)), encoded.length].sort(
            (a, b) => a - b,
          )
          const pieces = at.slice(1).map((to, i) => encoded.subarray(at[i], to))
          const client = connect()
          const [framing, value] = chunked
            ? ['Transfer-Encoding', 'chunked']
            : ['Content-Length', encoded.length]
          await client.head('POST /push', { 'Content-Encoding': contentEncoding, [framing]: value })
          for (const piece of pieces) {
            if (!chunked) await client.write(piece)
            else if (piece.length) await client.chunk(piece)
          }
          if (chunked) await client.write('0\r\n\r\n')
          const response = await client.response()
          expect(response.body).toBe(digest(bytes))
          client.destroy()
        },
      ),
      { numRuns: 150 },
    )
  })

  test('may be empty, also when the request has none', async () => {
    expect((await push(Buffer.alloc(0))).body).toBe(digest(Buffer.alloc(0)))
    const client = connect()
    await client.head('POST /push')
    expect((await client.response()).body).toBe(digest(Buffer.alloc(0)))
  })

  test('in small chunks needs no more memory than one in large chunks', async () => {
    const sent = text(40_000)
    const client = connect()
    await client.head('POST /push', { 'Transfer-Encoding': 'chunked' })
    for (let at = 0; at < sent.length; at += 20) await client.chunk(sent.subarray(at, at + 20))
    await eventually(() => expect(bodies.held).toBeGreaterThan(sent.length))
    expect(bodies.held).toBeLessThan(2 * sent.length + REQUEST_BYTES)
    await client.write('0\r\n\r\n')
    expect((await client.response()).body).toBe(digest(sent))
  })

  test('releases its memory, also after a thousand small ones on keep-alive connections', async () => {
    const sent = Array.from({ length: 1000 }, (_, i) => gzipSync(text(100 + i)))
    const work = async (lane: number) => {
      const client = connect()
      for (let i = lane; i < sent.length; i += 10) {
        await client.head('POST /push', {
          'Content-Length': sent[i].length,
          'Content-Encoding': 'gzip',
        })
        await client.write(sent[i])
        expect((await client.response()).body).toBe(digest(text(100 + i)))
      }
    }
    await Promise.all(Array.from({ length: 10 }, (_, lane) => work(lane)))
    expect(handled).toBe(1000)
    await eventually(() => expect(bodies.held).toBe(0))
    for (const socket of served.sockets) expect(socket.listenerCount('close')).toBeLessThan(10)
  })

  test('counts as held until the response is closed', async () => {
    let answer: (text: string) => void = () => {}
    handle = () => new Promise(resolve => (answer = resolve))
    const response = push(text(50_000))
    await eventually(() => expect(handled).toBe(1))
    expect(bodies.held).toBe(50_000 + REQUEST_BYTES)
    answer('done')
    expect((await response).body).toBe('done')
    await eventually(() => expect(bodies.held).toBe(0))
  })

  test('cannot be read twice', async () => {
    const twice = await Served.start(({ router }) =>
      router.post('/twice', async ctx => {
        await bodies.read(ctx)
        await bodies.read(ctx)
      }),
    )
    try {
      const response = await fetch(`${twice.url}/twice`, { method: 'POST', body: 'a' })
      expect(response.status).toBe(500)
      expect(twice.log[0].error).toMatchObject({ message: expect.stringMatching(/read already/) })
    } finally {
      await twice.stop()
    }
  })
})

describe('a body is refused', () => {
  const refused = (status: number, message: RegExp) => (response: RawResponse) => {
    expect([response.status, response.body]).toEqual([status, expect.stringMatching(message)])
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(handled).toBe(0)
  }

  test('whose Content-Length is above the limit, before it is sent', async () => {
    const client = connect()
    await client.head('POST /push', { 'Content-Length': LIMITS.maxSent + 1 })
    refused(
      413,
      /^the body is larger than 262144 bytes: send less per request\n$/,
    )(await client.response())
  })

  test('at the byte that exceeds the limit', async () => {
    const client = connect()
    await client.head('POST /push', { 'Transfer-Encoding': 'chunked' })
    for (let sent = 0; sent <= LIMITS.maxSent; sent += 65_536) await client.chunk(text(65_536))
    // The body has not ended yet.
    refused(413, /^the body is larger than 262144 bytes/)(await client.response())
  })

  test('that is above the limit and sent completely, and its client receives the reason', async () => {
    // Like a client that reads the response only after sending the body.
    const sent = noise(20 * LIMITS.maxSent)
    refused(413, /^the body is larger than/)(await push(sent))
  })

  test('that inflates beyond the limit, before it is sent completely', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(LIMITS.maxSent)
    const client = connect()
    await client.head('POST /push', { 'Content-Length': bomb.length, 'Content-Encoding': 'gzip' })
    await client.write(bomb.subarray(0, 8192))
    refused(413, /^the decoded body is larger than 1048576 bytes/)(await client.response())
    await eventually(() => expect(bodies.held).toBe(0))
  })

  test('whose decoder reports that it is too large', async () => {
    await restart({ maxDecoded: 1000 })
    refused(
      413,
      /^the decoded body is larger than 1000 bytes/,
    )(await push(text(2000), { 'Content-Encoding': 'reversed' }))
  })

  const member = gzipSync(text(5000))
  const damaged = Buffer.from(member)
  damaged[30] ^= 0xff
  const endless = Buffer.from(member)
  endless.writeUInt32LE(1, endless.length - 8)
  test.each([
    ['ends in the middle', member.subarray(0, -1), /^the gzip body is truncated: send it whole\n$/],
    ['ends in its header', member.subarray(0, 5), /^the gzip body is truncated/],
    ['is empty', Buffer.alloc(0), /^the gzip body is truncated/],
    ['is no gzip', text(100), /^the gzip body is malformed: incorrect header check/],
    ['is damaged', damaged, /^the gzip body is malformed: /],
    ['has a wrong checksum', endless, /^the gzip body is malformed: incorrect data check/],
    [
      'goes on with garbage',
      Buffer.concat([member, text(20)]),
      /^the gzip body is malformed: incorrect header check/,
    ],
    [
      'goes on with zeros',
      Buffer.concat([member, Buffer.alloc(20)]),
      /^the gzip body has trailing bytes after its last member/,
    ],
    [
      'hides a member behind zeros',
      Buffer.concat([member, Buffer.alloc(4), member]),
      /^the gzip body has trailing bytes after its last member/,
    ],
    [
      'has a second member that ends in the middle',
      Buffer.concat([member, member.subarray(0, -9)]),
      /^the gzip body is truncated/,
    ],
  ])('with 400 when its gzip %s', async (_, body, message) => {
    refused(400, message)(await gzip(body))
    // The same for two chunks, split at any byte.
    for (const cut of [1, member.length, member.length + 2]) {
      if (cut >= body.length) continue
      const client = connect()
      await client.head('POST /push', { 'Content-Length': body.length, 'Content-Encoding': 'gzip' })
      await client.write(body.subarray(0, cut))
      await client.write(body.subarray(cut))
      expect((await client.response()).status).toBe(400)
    }
    expect(handled).toBe(0)
  })

  test('that has trailing zeros, without reading all of them', async () => {
    const client = connect()
    await client.head('POST /push', { 'Transfer-Encoding': 'chunked', 'Content-Encoding': 'gzip' })
    await client.chunk(member)
    for (let i = 0; i < 2; i++) await client.chunk(Buffer.alloc(70_000))
    refused(400, /^the gzip body has trailing bytes after its last member/)(await client.response())
  })

  test.each([
    [
      'snappy',
      Buffer.from([0x80, 0x08, 0]),
      400,
      /^the body cannot be decoded: snappy: 1 bytes cannot decompress/,
    ],
    [
      'snappy',
      compressSync(Buffer.alloc(2 * LIMITS.maxDecoded)),
      413,
      /^the decoded body is larger than 1048576 bytes/,
    ],
    [
      'snappy-framed',
      compressSync(Buffer.alloc(100)),
      400,
      /send the snappy framing format, not a block\n$/,
    ],
  ])('that is not valid %s', async (coding, body, status, message) => {
    refused(status, message)(await push(body, { 'Content-Encoding': coding }))
  })

  test('with 400 and the reason when a custom decoder fails', async () => {
    refused(
      400,
      /^the body cannot be decoded: it begins with 255\n$/,
    )(await push(Uint8Array.of(255, 1), { 'Content-Encoding': 'reversed' }))
  })

  test.each(['br', 'gzip, gzip', 'constructor', '"'])(
    'with 415 when its Content-Encoding is %s',
    async coding => {
      const response = await push(text(10), { 'Content-Encoding': coding })
      refused(
        415,
        /^unsupported Content-Encoding .*: use one of identity, gzip, x-gzip, reversed, snappy, snappy-framed\n$/,
      )(response)
      expect(response.headers.get('accept-encoding')).toBe(
        'identity, gzip, x-gzip, reversed, snappy, snappy-framed',
      )
    },
  )

  test('with 503 while all bodies exceed the memory limit, and accepted afterwards', async () => {
    // Memory for one body and its blocks while they are concatenated.
    await restart({ maxHeld: 450_000 })
    let answer: (text: string) => void = () => {}
    handle = () => new Promise(resolve => (answer = resolve))
    const first = push(text(200_000))
    await eventually(() => expect(handled).toBe(1))
    const second = await push(text(200_000))
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
    expect(handled).toBe(1)
    answer('first')
    expect((await first).body).toBe('first')
    handle = async () => 'second'
    await eventually(async () => expect((await push(text(200_000))).body).toBe('second'))
  })

  test('that has thousands of chunks of one byte, and its connection is closed', async () => {
    const client = connect()
    await client.head('POST /push', { 'Transfer-Encoding': 'chunked' })
    await client.write('1\r\na\r\n'.repeat(5000))
    refused(
      400,
      /^the chunks of the body are smaller than 16 bytes: send larger chunks\n$/,
    )(await client.response())
    await client.closed
  })

  test('with 503 when a connection pipelines more requests than the memory limit allows', async () => {
    await restart({ maxHeld: 10.5 * REQUEST_BYTES })
    let answer: () => void = () => {}
    const answered = new Promise<void>(resolve => {
      answer = resolve
    })
    handle = () => answered.then(() => 'done')
    const client = connect()
    await client.write('POST /push HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\na'.repeat(50))
    await eventually(() => expect(handled).toBeGreaterThan(5))
    answer()
    const statuses: number[] = []
    for (let i = 0; i < 50; i++) statuses.push((await client.response()).status)
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    expect(statuses.filter(status => status === 200).length).toBeLessThanOrEqual(10)
  })

  test('with 408 when it does not arrive in time, and its connection is closed', async () => {
    await restart({ timeoutMs: 50 })
    const client = connect()
    await client.head('POST /push', { 'Content-Length': 100 })
    await client.write('begun')
    const response = await client.response()
    refused(408, /^the body did not arrive within 0.05 s: send less per request/)(response)
    expect(response.headers.get('connection')).toBe('close')
    await client.closed
  })
})

describe('a client', () => {
  test('that expects 100 Continue receives it when the body is read', async () => {
    const client = connect()
    await client.head('POST /push', { 'Content-Length': 5, Expect: '100-continue' })
    expect((await client.response()).status).toBe(100)
    await client.write('hello')
    expect((await client.response()).body).toBe(digest(Buffer.from('hello')))
  })

  test('that expects 100 Continue sends no byte of a refused body', async () => {
    const client = connect()
    await client.head('POST /push', {
      'Content-Length': LIMITS.maxSent + 1,
      Expect: '100-continue',
    })
    const response = await client.response()
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close'])
    await client.closed
  })

  test.each([
    ['ends', 'destroy'],
    ['is reset', 'reset'],
  ] as const)(
    'whose connection %s in the middle of a body leaves nothing behind',
    async (_, way) => {
      for (const coding of ['identity', 'gzip', 'reversed']) {
        const client = connect()
        await client.head('POST /push', { 'Content-Length': 100_000, 'Content-Encoding': coding })
        await client.write(gzipSync(noise(50_000)))
        await eventually(() => expect(bodies.held).toBeGreaterThan(REQUEST_BYTES))
        client[way]()
        await eventually(() => expect(bodies.held).toBe(0))
      }
      await eventually(() => expect(served.log.length).toBeGreaterThanOrEqual(3))
      for (const { message } of served.log) expect(message).toBe('a client closed its connection')
      expect(handled).toBe(0)
    },
  )

  test('that pipelines requests and disconnects leaves no memory held', async () => {
    let answer: () => void = () => {}
    const answered = new Promise<void>(resolve => {
      answer = resolve
    })
    handle = () => answered.then(() => 'done')
    const client = connect()
    await client.write('POST /push HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\na'.repeat(30))
    await eventually(() => expect(handled).toBe(30))
    client.reset()
    await client.closed
    await eventually(() => expect(served.sockets[0].destroyed).toBe(true))
    answer()
    await eventually(() => expect(bodies.held).toBe(0))
  })

  test('that sends less than its Content-Length does not complete a body', async () => {
    const client = connect()
    await client.head('POST /push', { 'Content-Length': 10 })
    await client.write('only 9 by')
    client.destroy()
    await eventually(() =>
      expect(served.log.map(line => line.message)).toContain('a client closed its connection'),
    )
    expect(handled).toBe(0)
  })

  test('that sends more than its Content-Length has the rest parsed as a request', async () => {
    const seen: string[] = []
    handle = async body => {
      seen.push(String(body))
      return 'seen'
    }
    const client = connect()
    await client.head('POST /push', { 'Content-Length': 5 })
    await client.write('hello and more\r\n\r\n')
    expect((await client.response()).status).toBe(400)
    await client.closed
    for (const body of seen) expect(body).toBe('hello')
  })

  test('that sends both Content-Length and Transfer-Encoding is refused', async () => {
    const client = connect()
    await client.head('POST /push', { 'Content-Length': 5, 'Transfer-Encoding': 'chunked' })
    await client.write('0\r\n\r\n')
    expect((await client.response()).status).toBe(400)
    expect(handled).toBe(0)
  })

  test('of Node receives the reason for a body that is too large', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request(`${served.url}/push`, { method: 'POST' }, response => {
        response.resume()
        resolve(response.statusCode!)
      })
      sent.on('error', reject)
      sent.end(noise(4 * LIMITS.maxSent))
    })
    expect(status).toBe(413)
  })
})
