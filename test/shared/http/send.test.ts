import { get, type IncomingMessage, request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Exchange } from '../../../shared/http/exchange.js'
import { type SentBody, sendGenerated } from '../../../shared/http/send.js'
import { eventually } from '../../support/eventually.js'
import { RawClient } from './raw-client.js'
import { Served } from './served.js'

let served: Served
let generate: () => Generator<Buffer, string>
let alive: () => boolean
let closed: boolean
let sent: SentBody<string>[]

beforeEach(async () => {
  alive = () => true
  closed = false
  sent = []
  const generated = function* () {
    try {
      return yield* generate()
    } finally {
      closed = true
    }
  }
  const handler = async (exchange: Exchange) =>
    void sent.push(await sendGenerated(exchange, 'text/x-test', generated, () => alive()))
  served = await Served.start(app => {
    app.fastPath('/fast', handler)
    app.router.get('/slow', handler)
  })
})
afterEach(() => served.stop())

const line = Buffer.from('a line of a body that is made in pieces\n')
function* lines(count: number): Generator<Buffer, string> {
  for (let i = 0; i < count; i++) yield line
  return `${count} lines`
}

/** Reads a response without decoding it. */
const ask = (path: string, headers: Record<string, string> = {}) =>
  new Promise<{ response: IncomingMessage; body: Buffer }>((resolve, reject) => {
    get(served.url + path, { headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }))
    }).on('error', reject)
  })

describe.each(['/fast', '/slow'])('a generated body at %s', path => {
  test.each([
    [0, undefined],
    [1, undefined],
    [5000, undefined],
    [5000, 'gzip'],
  ])('of %d chunks arrives complete, with Accept-Encoding %s', async (count, encoding) => {
    generate = () => lines(count)
    const { response, body } = await ask(path, encoding ? { 'accept-encoding': encoding } : {})
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/x-test'])
    expect(response.headers['content-encoding']).toBe(encoding)
    expect(response.headers.vary).toBe('Accept-Encoding')
    const text = encoding ? gunzipSync(body) : body
    expect(text.equals(Buffer.concat(Array.from({ length: count }, () => line)))).toBe(true)
    expect(sent).toEqual([{ bytes: body.length, whole: true, result: `${count} lines` }])
  })

  test('is not generated for HEAD', async () => {
    generate = () => {
      throw new Error('made')
    }
    const response = await fetch(served.url + path, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/x-test'])
    expect(sent).toEqual([{ bytes: 0, whole: false, result: undefined }])
  })

  test.each([1, 5000])('of %d chunks is cut off when alive returns false', async count => {
    generate = () => lines(count)
    alive = () => false
    await expect(ask(path)).rejects.toThrow()
    await eventually(() => expect(sent).toMatchObject([{ whole: false }]))
    expect(closed).toBe(true)
  })

  test('whose generator throws is cut off, and the error is logged', async () => {
    generate = function* () {
      yield line
      yield line
      throw new Error('a mistake')
    }
    await expect(ask(path)).rejects.toThrow()
    expect(closed).toBe(true)
    expect(served.log.map(({ level }) => level)).toContain('error')
  })

  test('is closed when the client closes its connection', async () => {
    generate = function* () {
      for (;;) yield line
    }
    const asked = request(served.url + path, response =>
      response.once('data', () => asked.destroy()),
    )
    asked.on('error', () => {})
    asked.end()
    await eventually(() => expect(closed).toBe(true))
    await eventually(() => expect(sent).toMatchObject([{ whole: false, result: undefined }]))
  })

  test.each([undefined, 'gzip'])(
    'that is pipelined is closed when the client closes its connection, with Accept-Encoding %s',
    async encoding => {
      let open = 0
      generate = function* () {
        open++
        try {
          for (;;) yield line
        } finally {
          open--
        }
      }
      const client = new RawClient(served.port)
      const headers: Record<string, string> = encoding ? { 'Accept-Encoding': encoding } : {}
      for (let i = 0; i < 3; i++) await client.head(`GET ${path}`, headers)
      await eventually(() => expect(open).toBe(3))
      client.reset()
      await eventually(() => expect(open).toBe(0))
      expect(sent.map(({ whole }) => whole)).toEqual([false, false, false])
    },
  )
})
