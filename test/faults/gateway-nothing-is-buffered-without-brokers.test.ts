import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { eventually } from '../support/eventually.js'
import { newPushTopics, TestStore } from '../support/push-stores.js'
import { untilSuspended } from '../support/suspended.js'

let kafka: LocalKafka
beforeAll(async () => {
  kafka = await startKafka({ own: true })
})
const stores: TestStore[] = []
afterEach(async () => {
  kafka.resume()
  await Promise.all(stores.splice(0).map(store => store.stop()))
})
afterAll(() => kafka?.stop())

async function startedStore(settings = {}) {
  const { brokers } = kafka
  const topics = await newPushTopics(brokers)
  const store = new TestStore({
    topics,
    kafka: { brokers },
    settings: { submitTimeout: 1_500, tickAfter: 300, ...settings },
  })
  stores.push(store)
  return store.start()
}

test('while the brokers are dead, pushes fail in time, what is due is hidden, and nothing is sent later', async () => {
  const gateway = await startedStore()
  // On a busy machine a push may take longer than is allowed.
  await eventually(() => gateway.push({ body: 'kept 1\n' }))
  await eventually(() => gateway.push({ group: { job: 'due' }, body: 'due 1\n', expiryMs: 3_000 }))
  await kafka.kill()
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, (_, i) =>
      gateway.push({ group: { job: `lost${i}` }, body: 'lost 1\n' }),
    ),
  )
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { name: 'StoreUnavailable', message: expect.stringContaining('within 1.5 s') },
    })
  }
  await eventually(() => expect(gateway.store.pending()).toEqual({ requests: 0, bytes: 0 }))
  await eventually(async () => {
    expect(await gateway.pushed()).toBe('kept{instance="",job="j"} 1')
  })
  expect(gateway.store.outage()).toBeDefined()
  expect(gateway.store.lag()).toBeGreaterThan(0)
  await kafka.restart()
  await eventually(async () => {
    expect(await gateway.push({ method: 'post', body: 'after 1\n' })).toEqual({ kind: 'done' })
  })
  expect(await gateway.pushed()).toBe('after{instance="",job="j"} 1\nkept{instance="",job="j"} 1')
  await eventually(() => expect(gateway.store.outage()).toBeUndefined())
  expect(gateway.store.figures.gaps).toBe(0)
})

test('a push that suspended brokers may still apply says so, and a repetition is applied once', async () => {
  const gateway = await startedStore({ submitTimeout: 5_000 })
  const add = { method: 'accumulate', body: '# TYPE c counter\nc 1\n' } as const
  await gateway.push(add)
  kafka.pause()
  for (const node of kafka.nodes) await untilSuspended(node.child!.pid)
  const id = Buffer.alloc(16, 'once')
  const refused = await gateway.push({ ...add, id }).catch(error => error)
  expect(refused).toMatchObject({ name: 'StoreUnavailable', maybeApplied: true })
  kafka.resume()
  await eventually(async () => {
    expect(await gateway.push({ ...add, id })).toEqual({ kind: 'done' })
  })
  await gateway.push(add)
  expect(await gateway.pushed()).toBe('c{instance="",job="j"} 3')
})

test('requests beyond the bounds of waiting ones are refused at once', async () => {
  const gateway = await startedStore({ maxRequests: 5, submitTimeout: 5_000 })
  kafka.pause()
  for (const node of kafka.nodes) await untilSuspended(node.child!.pid)
  const first = Array.from({ length: 5 }, () => gateway.push({ body: 'x 1\n' }))
  const settled = Promise.allSettled(first)
  await expect(gateway.push({ body: 'x 2\n' })).rejects.toMatchObject({
    message: expect.stringContaining('5 requests'),
    maybeApplied: false,
  })
  kafka.resume()
  await settled
  await eventually(async () => {
    expect(await gateway.push({ body: 'x 3\n' })).toEqual({ kind: 'done' })
  })
})
