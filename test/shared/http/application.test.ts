import { afterEach, describe, expect, test } from 'vitest'
import type { Application } from '../../../shared/http/application.js'
import { ClientGone, Refusal } from '../../../shared/http/refusal.js'
import { sayWhy } from '../../../shared/http/say-why.js'
import { eventually } from '../../support/eventually.js'
import { RawClient } from './raw-client.js'
import { Served } from './served.js'

let served: Served
const clients: RawClient[] = []
const start = async (
  addRoutes: (app: Application) => void,
  options?: Parameters<typeof Served.start>[1],
) => {
  served = await Served.start(addRoutes, options)
}
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await served.stop()
})

const ask = async (path: string, method = 'GET') => {
  const response = await fetch(served.url + path, { method, redirect: 'manual' })
  return { status: response.status, headers: response.headers, text: await response.text() }
}
function connect(): RawClient {
  const client = new RawClient(served.port)
  clients.push(client)
  return client
}

describe('an error response is one line of plain text', () => {
  const routes = (app: Application) => {
    app.router.get('/read', ctx => sayWhy(ctx, 200, 'read'))
    app.router.put('/both', ctx => sayWhy(ctx, 200, 'put'))
    app.router.delete('/both', ctx => sayWhy(ctx, 200, 'deleted'))
    app.fastPath('/fast', async exchange => sayWhy(exchange, 200, 'fast'))
  }

  test.each([
    ['GET', '/nowhere', 404, 'Not Found\n', null],
    ['GET', '/fast/more', 404, 'Not Found\n', null],
    ['POST', '/read', 405, 'POST is not allowed here; allowed: HEAD, GET\n', 'HEAD, GET'],
    ['POST', '/fast', 405, 'POST is not allowed here; allowed: HEAD, GET\n', 'HEAD, GET'],
    ['GET', '/both', 405, 'GET is not allowed here; allowed: PUT, DELETE\n', 'PUT, DELETE'],
    ['PROPFIND', '/read', 501, 'the method PROPFIND is not supported\n', 'HEAD, GET'],
  ])('%s %s: %d', async (method, path, status, text, allow) => {
    await start(routes)
    const answer = await ask(path, method)
    expect([answer.status, answer.text, answer.headers.get('allow')]).toEqual([status, text, allow])
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  })

  test('without a body for HEAD', async () => {
    await start(routes)
    expect(await ask('/nowhere', 'HEAD')).toMatchObject({ status: 404, text: '' })
    expect(await ask('/both', 'HEAD')).toMatchObject({ status: 405, text: '' })
  })
})

describe('a handler that throws', () => {
  const throwing = (error: () => Error) => (app: Application) => {
    app.fastPath('/fast', async exchange => {
      // The handler has taken over the response.
      exchange.respond = false
      throw error()
    })
    app.router.get('/slow', async ctx => {
      ctx.respond = false
      throw error()
    })
  }

  test.each(['/fast', '/slow'])(
    'a Refusal at %s is answered with its status, headers and message',
    async path => {
      await start(
        throwing(() => new Refusal(429, 'slow down: ask once a minute', { 'Retry-After': '60' })),
      )
      const { status, headers, text } = await ask(path)
      expect([status, headers.get('retry-after'), text]).toEqual([
        429,
        '60',
        'slow down: ask once a minute\n',
      ])
      expect(served.log).toEqual([])
    },
  )

  test.each(['/fast', '/slow'])(
    'any other error at %s is logged and answered with 500, without details',
    async path => {
      await start(throwing(() => new TypeError('a secret')))
      const { status, text } = await ask(path)
      expect(status).toBe(500)
      expect(text).toBe('Internal Server Error\n')
      expect(served.log).toMatchObject([
        { level: 'error', message: 'a request failed because of a bug' },
      ])
    },
  )

  test.each(['/fast', '/slow'])(
    'at %s because the client closed its connection is not logged as a bug',
    async path => {
      await start(throwing(() => new ClientGone()))
      await ask(path)
      expect(served.log).toMatchObject([
        { level: 'debug', message: 'a client closed its connection' },
      ])
    },
  )

  test.each(['/fast', '/slow'])('at %s after the response has begun cuts it off', async path => {
    const begin = async ({ res }: { res: import('node:http').ServerResponse }) => {
      res.writeHead(200, { 'Content-Length': 10 })
      res.write('half')
      throw new Error('a mistake')
    }
    await start(app => {
      app.fastPath('/fast', begin)
      app.router.get('/slow', begin)
    })
    await expect(ask(path)).rejects.toThrow()
    expect(served.log.map(line => line.level)).toContain('error')
  })
})

describe('a prefix', () => {
  test('applies to all paths, including fast paths', async () => {
    await start(
      app => {
        app.fastPath('/fast', async exchange =>
          sayWhy(exchange, 200, `fast ${exchange.querystring}`),
        )
        app.router.get('/', ctx => sayWhy(ctx, 200, 'page'))
        app.router.get('/slow/:name', ctx => sayWhy(ctx, 200, ctx.params.name))
      },
      { prefix: '/a/b' },
    )
    expect((await ask('/a/b/fast?x=1')).text).toBe('fast x=1\n')
    expect((await ask('/a/b/slow/it')).text).toBe('it\n')
    expect((await ask('/a/b/')).text).toBe('page\n')
    for (const path of ['/fast', '/slow/it', '/a/fast', '/a/b/a/b/fast']) {
      expect((await ask(path)).status).toBe(404)
    }
    const root = await ask('/')
    expect([root.status, root.headers.get('location')]).toEqual([302, '/a/b/'])
    expect((await ask('/', 'POST')).status).toBe(404)
  })
})

describe('an unread request body', () => {
  test('that is small does not prevent the next request of its connection', async () => {
    await start(() => {})
    const client = connect()
    for (let i = 0; i < 3; i++) {
      await client.head('POST /nowhere', { 'Content-Length': 5 })
      await client.write('hello')
      expect((await client.response()).status).toBe(404)
    }
    expect(served.sockets).toHaveLength(1)
  })

  test('neither delays the response nor keeps the connection open for ever', async () => {
    await start(() => {}, { discardMs: 50 })
    const client = connect()
    await client.head('POST /nowhere', { 'Transfer-Encoding': 'chunked' })
    await client.chunk(Buffer.from('begun'))
    expect((await client.response()).status).toBe(404)
    await client.closed
  })

  test('in small chunks is not discarded for long: its connection is closed', async () => {
    await start(() => {}, { discardMs: 60_000 })
    const client = connect()
    await client.head('POST /nowhere', { 'Transfer-Encoding': 'chunked' })
    await client.write('1\r\na\r\n'.repeat(2000))
    await client.closed
    const honest = connect()
    await honest.head('POST /nowhere', { 'Transfer-Encoding': 'chunked' })
    for (let i = 0; i < 2000; i++) await honest.chunk(Buffer.alloc(100))
    await honest.write('0\r\n\r\n')
    await honest.head('GET /nowhere')
    expect((await honest.response()).status).toBe(404)
    expect((await honest.response()).status).toBe(404)
  })

  test('is not awaited when the client expects 100 Continue', async () => {
    await start(() => {})
    const client = connect()
    await client.head('PUT /nowhere', { 'Content-Length': 1e9, Expect: '100-continue' })
    expect((await client.response()).status).toBe(404)
    await client.closed
  })
})

test('a malformed request is answered with 400 and not logged as a bug', async () => {
  await start(() => {})
  const client = connect()
  await client.write('hello\r\n\r\n')
  await expect(client.response()).resolves.toMatchObject({ status: 400 })
  await client.closed
  await eventually(() => expect(served.log.filter(line => line.level === 'error')).toEqual([]))
})
