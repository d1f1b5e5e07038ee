import type { Context } from 'koa'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClientGone, Refusal } from '../../../shared/http/refusal.js'
import { observed, RequestMetrics } from '../../../shared/http/request-metrics.js'
import { sayWhy } from '../../../shared/http/say-why.js'
import { eventually } from '../../support/eventually.js'
import { Served } from './served.js'

let served: Served
let registry: Registry
let now: number
let release: () => void
beforeEach(async () => {
  registry = new Registry()
  now = 0
  const observer = new RequestMetrics(registry, {
    label: 'handler',
    duration: { name: 'gateway_request_duration_seconds', help: 'Request duration.' },
    inFlight: { name: 'gateway_requests_in_flight', help: 'Requests in flight.' },
    total: { name: 'gateway_requests_total', help: 'Requests by status code.' },
  })
  const clock = { now: () => ({ wall: now, mono: now }) }
  served = await Served.start(({ router }) => {
    const outcomes: Record<string, () => Promise<void>> = {
      well: async () => {},
      refused: () => Promise.reject(new Refusal(429, 'slow down')),
      gone: () => Promise.reject(new ClientGone()),
      broken: () => Promise.reject(new Error('a mistake')),
      held: () => new Promise(resolve => (release = resolve)),
    }
    router.post(
      '/push/:outcome',
      observed('push', { observer, clock }, async (ctx: Context) => {
        await outcomes[ctx.params.outcome]()
        now += 300
        sayWhy(ctx, 202, 'taken')
      }),
    )
  })
})
afterEach(() => served.stop())

const push = (outcome: string) => fetch(`${served.url}/push/${outcome}`, { method: 'POST' })
const lines = async () => (await registry.metrics()).split('\n')

test('requests are counted by handler and status code, including failed ones', async () => {
  for (const outcome of ['well', 'well', 'refused', 'gone', 'broken']) await push(outcome)
  const text = await lines()
  for (const [code, count] of [
    [202, 2],
    [429, 1],
    [499, 1],
    [500, 1],
  ]) {
    expect(text).toContain(`gateway_requests_total{handler="push",code="${code}"} ${count}`)
  }
  expect(text).toContain('gateway_requests_in_flight{handler="push"} 0')
  expect(text).toContain('gateway_request_duration_seconds_count{handler="push"} 5')
  expect(text).toContain('gateway_request_duration_seconds_sum{handler="push"} 0.6')
  expect(text).toContain('# HELP gateway_requests_total Requests by status code.')
})

test('a request is in flight until its handler has ended', async () => {
  const response = push('held')
  await eventually(async () =>
    expect(await lines()).toContain('gateway_requests_in_flight{handler="push"} 1'),
  )
  release()
  await response
  expect(await lines()).toContain('gateway_requests_in_flight{handler="push"} 0')
})
