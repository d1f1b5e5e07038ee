import { createServer } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { healthy } from '../../../shared/http/health.js'
import { close, createHttpServer, listen } from '../../../shared/http/server.js'
import { eventually } from '../../support/eventually.js'
import { RawClient } from './raw-client.js'
import { Served } from './served.js'

let served: Served | undefined
afterEach(async () => {
  await served?.stop()
  served = undefined
})

describe('listening on an address in use', () => {
  test.each([undefined, '--push.listen-address'])(
    'fails with an error that names the flag %s',
    async flag => {
      const other = createServer()
      const { port } = await listen(other, { host: '127.0.0.1', port: 0 })
      try {
        const attempt = listen(
          createHttpServer({ maxConnections: 1 }),
          { host: '127.0.0.1', port },
          flag,
        )
        await expect(attempt).rejects.toMatchObject({
          name: 'StartError',
          message: `cannot listen on 127.0.0.1:${port}: the address is already in use; choose another ${flag ?? '--web.listen-address'}`,
        })
      } finally {
        await close(other, 0)
      }
    },
  )

  test('fails for an address of another machine', async () => {
    const attempt = listen(createHttpServer({ maxConnections: 1 }), { host: '192.0.2.1', port: 9 })
    await expect(attempt).rejects.toThrow(
      /^cannot listen on 192\.0\.2\.1:9: .*; choose another --web/,
    )
  })
})

describe('closing', () => {
  const holding = async () => {
    let answer: () => void = () => {}
    const asked = new Promise<void>(resolve => {
      void Served.start(({ router }) =>
        router.get('/held', async ctx => {
          resolve()
          await new Promise<void>(release => (answer = release))
          ctx.body = 'answered'
        }),
      ).then(started => {
        served = started
        response = fetch(`${started.url}/held`)
        response.catch(() => {})
      })
    })
    let response!: Promise<Response>
    await asked
    return { response, answer: () => answer() }
  }

  test('completes a response in flight, and accepts no other request', async () => {
    const { response, answer } = await holding()
    const { url, server } = served!
    const closed = close(server, 60_000)
    await eventually(() => expect(fetch(`${url}/held`)).rejects.toThrow())
    answer()
    expect(await (await response).text()).toBe('answered')
    await closed
  })

  test('does not exceed its grace period', async () => {
    const { response } = await holding()
    await close(served!.server, 20)
    await expect(response).rejects.toThrow()
  })

  test('does not wait for an idle keep-alive connection', async () => {
    served = await Served.start(() => {})
    const client = new RawClient(served.port)
    await client.head('GET /')
    await client.response()
    await close(served.server, 60_000)
    await client.closed
  })
})

describe('limits', () => {
  test('a connection beyond the limit is closed, and the others stay open', async () => {
    served = await Served.start(({ router }) => router.get('/', healthy('hello')), {
      limits: { maxConnections: 2 },
    })
    const clients = [0, 1, 2].map(() => new RawClient(served!.port))
    try {
      await Promise.race(clients.map(client => client.closed))
      const answers = clients.map(async client => {
        await client.head('GET /')
        return client.response().then(
          ({ status }) => status,
          () => 'closed',
        )
      })
      expect((await Promise.all(answers)).sort()).toEqual([200, 200, 'closed'])
    } finally {
      for (const client of clients) client.destroy()
    }
  })

  test('headers above the size limit are refused with 431', async () => {
    served = await Served.start(() => {}, { limits: { maxHeaderBytes: 2000 } })
    const ask = (length: number) => fetch(`${served!.url}/?${'x'.repeat(length)}`)
    expect([(await ask(1000)).status, (await ask(3000)).status]).toEqual([404, 431])
  })
})

test.each([
  ['nothing', ''],
  ['a part of its headers', 'GET / HTTP/1.1\r\nHost: t'],
  ['a part of its body', 'POST /body HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc'],
])('a client that sends %s and no more is disconnected', async (_, bytes) => {
  served = await Served.start(
    ({ router }) =>
      router.post('/body', async ctx => {
        for await (const _ of ctx.req);
      }),
    { limits: { headersTimeout: 50, requestTimeout: 100, checkInterval: 20 } },
  )
  const client = new RawClient(served.port)
  await client.write(bytes)
  await client.closed
})
