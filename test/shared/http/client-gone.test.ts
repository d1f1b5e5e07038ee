import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { goneSignal } from '../../../shared/http/client-gone.js'
import { eventually } from '../../support/eventually.js'
import { RawClient } from './raw-client.js'
import { Served } from './served.js'

let served: Served
let client: RawClient
let signals: AbortSignal[]
let responses: ServerResponse[]
let release: () => void
beforeEach(async () => {
  signals = []
  responses = []
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  served = await Served.start(({ router }) =>
    router.get('/held', async ctx => {
      signals.push(goneSignal(ctx.res))
      responses.push(ctx.res)
      await released
      ctx.body = 'done'
    }),
  )
  client = new RawClient(served.port)
})
afterEach(async () => {
  release()
  client.destroy()
  await served.stop()
})

const ask = async (times: number) => {
  for (let i = 0; i < times; i++) await client.head('GET /held')
  await eventually(() => expect(signals).toHaveLength(times))
}

test('a closed connection aborts all of its requests, including pipelined ones', async () => {
  await ask(20)
  expect(signals.some(signal => signal.aborted)).toBe(false)
  client.reset()
  await eventually(() => expect(signals.every(signal => signal.aborted)).toBe(true))
  // Also for a signal that is created afterwards.
  expect(goneSignal(responses[19]).aborted).toBe(true)
})

test('pipelined responses are closed once, without a listener per response on the connection', async () => {
  await ask(20)
  const closed = responses.map(() => 0)
  for (const [i, response] of responses.entries()) response.on('close', () => closed[i]++)
  expect(served.sockets[0].listenerCount('close')).toBeLessThan(10)
  release()
  for (let i = 0; i < 20; i++) expect((await client.response()).status).toBe(200)
  await eventually(() => expect(closed).toEqual(responses.map(() => 1)))
  client.destroy()
  await eventually(() => expect(served.sockets[0].destroyed).toBe(true))
  expect(closed).toEqual(responses.map(() => 1))
})
