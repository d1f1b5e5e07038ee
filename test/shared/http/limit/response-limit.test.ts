import { connect as connectTo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../shared/base/clock.js'
import { ResponseLimit, type ResponseLimits } from '../../../../shared/http/limit/response-limit.js'
import { maxWaitMs } from '../../../../shared/http/limit/scrape-timeout.js'
import { sendGenerated } from '../../../../shared/http/send.js'
import { eventually } from '../../../support/eventually.js'
import { RawClient } from '../raw-client.js'
import { Served } from '../served.js'

let served: Served
let limit: ResponseLimit
const clients: RawClient[] = []
/** What became of the request for `/late`. */
let late = ''
/** Ends the responses of `/held`. */
let end: () => void

/** `/held` begins a body and ends it when told; `/large` has one that no socket buffer takes. */
async function start(limits: Partial<ResponseLimits> = {}): Promise<void> {
  limit = new ResponseLimit({ pools: { scrapes: 2 }, flag: '--max', ...limits }, systemClock)
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const slot = (ctx: {
    res: import('node:http').ServerResponse
    req: import('node:http').IncomingMessage
  }) =>
    limit.acquire(ctx.res, 'scrapes', systemClock.now().mono + maxWaitMs(ctx.req.headers, 30_000))
  served = await Served.start(
    ({ router }) => {
      router.get('/small', ctx => {
        ctx.body = 'small'
      })
      router.get('/held', async ctx => {
        limit.admit()
        await slot(ctx)
        await ended
        ctx.body = 'done'
      })
      router.get('/unslotted', async ctx => {
        limit.admit()
        await ended
        ctx.body = 'done'
      })
      router.get('/late', async ctx => {
        await ended
        late = await slot(ctx).then(
          () => 'has a slot',
          (error: Error) => error.message,
        )
      })
      router.get('/large', async ctx => {
        await slot(ctx)
        await sendGenerated(ctx, 'text/plain', function* () {
          for (let i = 0; i < 300; i++) yield Buffer.alloc(256 * 1024)
        })
      })
    },
    { limit },
  )
}
afterEach(async () => {
  end()
  for (const client of clients.splice(0)) client.destroy()
  await served.stop()
  // Whatever happened, nothing is still counted.
  await eventually(() =>
    expect([limit.inProgress, limit.bytes, limit.pools.get('scrapes')!.used]).toEqual([0, 0, 0]),
  )
})

const connect = () => {
  const client = new RawClient(served.port)
  clients.push(client)
  return client
}
const ask = (path: string, timeout?: string) =>
  fetch(served.url + path, {
    headers: timeout === undefined ? {} : { 'x-prometheus-scrape-timeout-seconds': timeout },
  })
const used = () => limit.pools.get('scrapes')!.used
const queued = () => limit.pools.get('scrapes')!.waiting

describe('a request beyond the slots', () => {
  test('waits for its turn and is answered', async () => {
    await start()
    const answers = Array.from({ length: 50 }, () => ask('/held'))
    await eventually(() => expect([used(), queued()]).toEqual([2, 48]))
    expect(await (await ask('/small')).text()).toBe('small')
    end()
    for (const answer of answers) expect((await answer).status).toBe(200)
  })

  test('is refused within its scrape timeout, with what to do', async () => {
    await start()
    const held = [ask('/held'), ask('/held')]
    await eventually(() => expect(used()).toBe(2))
    const refused = await ask('/held', '0.2')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await refused.text()).toMatch(
      /^all 2 concurrent responses are in use, and none ended within \d\.\d s: raise --max or /,
    )
    expect(limit.refused.timeout).toBe(1)
    end()
    for (const answer of held) expect((await answer).status).toBe(200)
  })

  test('leaves the queue when its client leaves', async () => {
    await start()
    const held = [ask('/held'), ask('/held')]
    await eventually(() => expect(used()).toBe(2))
    const client = connect()
    await client.head('GET /held')
    await eventually(() => expect(queued()).toBe(1))
    client.reset()
    await eventually(() => expect(queued()).toBe(0))
    end()
    for (const answer of held) expect((await answer).status).toBe(200)
  })
})

test('a client that left before its request asks for a slot never keeps one', async () => {
  await start()
  const client = connect()
  await client.head('GET /late')
  await eventually(() => expect(limit.inProgress).toBe(1))
  client.reset()
  await eventually(() => expect(limit.inProgress).toBe(0))
  end()
  await eventually(() =>
    expect(late).toBe('the client closed the connection before the end of its request'),
  )
  expect(used()).toBe(0)
})

describe('too many requests in progress', () => {
  test('are refused at once by number', async () => {
    await start({ maxWaiting: 3 })
    const waiting = Array.from({ length: 5 }, () => ask('/unslotted'))
    await eventually(() => expect(limit.inProgress).toBe(5))
    const refused = await ask('/unslotted')
    expect(refused.status).toBe(503)
    expect(await refused.text()).toContain('3 requests are waiting already')
    expect((await ask('/small')).status).toBe(200)
    expect(limit.refused.waiting).toBe(1)
    end()
    for (const answer of waiting) expect((await answer).status).toBe(200)
  })

  test('are refused at once by the size of their headers', async () => {
    await start({ maxWaitingBytes: 30_000 })
    const large = () =>
      fetch(`${served.url}/unslotted`, { headers: { 'x-filler': 'x'.repeat(16_000) } })
    const first = large()
    await eventually(() => expect(limit.inProgress).toBe(1))
    expect((await large()).status).toBe(503)
    expect(limit.refused.waiting_bytes).toBe(1)
    end()
    expect((await first).status).toBe(200)
  })

  test('of one connection close it: nobody pipelines thousands of scrapes', async () => {
    await start({ maxPerConnection: 5 })
    const client = connect()
    await client.write('GET /unslotted HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(1000))
    await client.closed
    expect(limit.refused.pipelined).toBe(1)
  })

  test('are not pipelined: their connections are closed, because a refusal would wait as well', async () => {
    await start({ maxWaiting: 3 })
    const waiting = Array.from({ length: 4 }, () => ask('/unslotted'))
    await eventually(() => expect(limit.inProgress).toBe(4))
    const client = connect()
    await client.write('GET /unslotted HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(20))
    await client.closed
    await eventually(() => expect(limit.inProgress).toBe(4))
    expect(limit.refused.waiting).toBeGreaterThan(0)
    end()
    for (const answer of waiting) expect((await answer).status).toBe(200)
  })

  test('pipelined requests use slots one after the other', async () => {
    await start()
    const client = connect()
    for (let i = 0; i < 4; i++) await client.head('GET /held')
    await eventually(() => expect(limit.inProgress).toBe(4))
    expect(used()).toBe(1)
    end()
    for (let i = 0; i < 4; i++) expect((await client.response()).status).toBe(200)
  })
})

describe('a response ends', () => {
  test('by the scrape timeout of its request', async () => {
    await start()
    const client = connect()
    await client.head('GET /held', { 'X-Prometheus-Scrape-Timeout-Seconds': 0.1 })
    await client.closed
    expect(limit.cut).toEqual({ timeout: 1, slow: 0 })
  })

  const stick = () => {
    const stuck = connectTo({ port: served.port, host: '127.0.0.1' })
    stuck.on('error', () => {})
    stuck.write('GET /large HTTP/1.1\r\nHost: test\r\n\r\n')
    stuck.pause()
    return stuck
  }

  test('when its client accepts no bytes and others wait', async () => {
    await start({ slowInterval: 50 })
    const stuck = [stick(), stick()]
    await eventually(() => expect(used()).toBe(2))
    end()
    expect((await ask('/held')).status).toBe(200)
    expect(limit.cut.slow).toBeGreaterThan(0)
    for (const socket of stuck) socket.destroy()
  })

  test('and not because its client accepts no bytes while nobody waits', async () => {
    await start({ slowInterval: 5 })
    const stuck = stick()
    await eventually(() => expect(used()).toBe(1))
    await new Promise<void>(resolve => {
      let left = 20
      const count = setInterval(() => {
        if (--left > 0) return
        clearInterval(count)
        resolve()
      }, 5)
    })
    expect(limit.cut.slow).toBe(0)
    stuck.resume()
    await eventually(() => expect(used()).toBe(0))
    stuck.destroy()
  })

  test('and its slot is free, also when it is complete and the connection stays open', async () => {
    await start()
    const client = connect()
    end()
    for (let i = 0; i < 5; i++) {
      await client.head('GET /held')
      expect((await client.response()).status).toBe(200)
    }
    await eventually(() => expect(used()).toBe(0))
    expect(served.sockets).toHaveLength(1)
  })
})
