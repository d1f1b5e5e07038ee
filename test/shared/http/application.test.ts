import { afterEach, describe, expect, test } from 'vitest'
import type { Application } from '../../../shared/http/application.js'
import { ClientGone, Refusal } from '../../../shared/http/refusal.js'
import { sayWhy } from '../../../shared/http/say-why.js'
import { eventually } from '../../support/eventually.js'
import { RawClient } from './raw-client.js'
import { Served } from './served.js'

let served: Served
const clients: RawClient[] = []
const start = async (addRoutes: (app: Application) => void, options?: Parameters<typeof Served.start>[1]) => {
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

describe('a response that is no success is a line of plain text', () => {
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

  test('and has no body when HEAD asks', async () => {
    await start(routes)
    expect(await ask('/nowhere', 'HEAD')).toMatchObject({ status: 404, text: '' })
    expect(await ask('/both', 'HEAD')).toMatchObject({ status: 405, text: '' })
  })
})

describe('a handler that throws', () => {
  const throwing = (error: () => Error) => (app: Application) => {
    app.fastPath('/fast', async exchange => {
      // It meant to write the response itself.
      exchange.respond = false
      throw error()
    })
    app.router.get('/slow', async ctx => {
      ctx.respond = false
      throw error()
    })
  }

  test.each(['/fast', '/slow'])('a refusal at %s: its status, headers and message', async path => {
    await start(throwing(() => new Refusal(429, 'slow down: ask once a minute', { 'Retry-After': '60' })))
    const { status, headers, text } = await ask(path)
    expect([status, headers.get('retry-after'), text]).toEqual([429, '60', 'slow down: ask once a minute\n'])
    expect(served.log).toEqual([])
  })

  test.each(['/fast', '/slow'])(
    'anything else at %s: 500, logged, and no word of it to the client',
    async path => {
      await start(throwing(() => new TypeError('a secret')))
      const { status, text } = await ask(path)
      expect(status).toBe(500)
      expect(text).toBe('Internal Server Error\n')
      expect(served.log).toMatchObject([
        { level: 'error', message: 'a request failed, which is a mistake in the program' },
      ])
    },
  )

  test.each(['/fast', '/slow'])(
    'because the client went away at %s: no mistake of the program',
    async path => {
      await start(throwing(() => new ClientGone()))
      await ask(path)
      expect(served.log).toMatchObject([{ level: 'debug', message: 'a client went away' }])
    },
  )

  test.each(['/fast', '/slow'])('after a response has begun at %s: it is cut off', async path => {
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
  test('stands before every path, the fast ones too', async () => {
    await start(
      app => {
        app.fastPath('/fast', async exchange => sayWhy(exchange, 200, `fast ${exchange.querystring}`))
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

describe('a request body that nobody reads', () => {
  test('does not keep its connection from the next request, when it is small', async () => {
    await start(() => {})
    const client = connect()
    for (let i = 0; i < 3; i++) {
      await client.head('POST /nowhere', { 'Content-Length': 5 })
      await client.write('hello')
      expect((await client.response()).status).toBe(404)
    }
    expect(served.sockets).toHaveLength(1)
  })

  test('does not keep its response back, nor its connection open for ever', async () => {
    await start(() => {}, { discardMs: 50 })
    const client = connect()
    await client.head('POST /nowhere', { 'Transfer-Encoding': 'chunked' })
    await client.chunk(Buffer.from('begun'))
    expect((await client.response()).status).toBe(404)
    await client.closed
  })

  test('is not waited for when the client expects 100 Continue', async () => {
    await start(() => {})
    const client = connect()
    await client.head('PUT /nowhere', { 'Content-Length': 1e9, Expect: '100-continue' })
    expect((await client.response()).status).toBe(404)
    await client.closed
  })
})

test('bytes that are no request are answered 400, and are no mistake of the program', async () => {
  await start(() => {})
  const client = connect()
  await client.write('hello\r\n\r\n')
  await expect(client.response()).resolves.toMatchObject({ status: 400 })
  await client.closed
  await eventually(() => expect(served.log.filter(line => line.level === 'error')).toEqual([]))
})
