import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalRedis, startRedis } from '../../../../dev/local/redis.js'
import type { RedisPushStore } from '../../../../gateway/store/redis/store.js'
import type { PushStore } from '../../../../gateway/store/store.js'
import { LocalPushStore } from '../../../support/local-push-store.js'
import { partOrSkip } from '../../../support/or-skip.js'
import { startRedisStore } from '../../../support/redis-store.js'
import { exposition, type Push, requestOf } from '../../state/text.js'

const available = (await partOrSkip('redis')) !== null

const value = fc.integer({ min: 0, max: 100 })
/** Names of one group do not occur in another: only Kafka checks all groups together. */
const family = (job: string) =>
  fc
    .record({
      name: fc.constantFrom('a', 'b', 'b_sum', 'b_count', 'c'),
      type: fc.constantFrom('untyped', 'gauge', 'counter', 'summary', 'histogram'),
      value,
      label: fc.constantFrom('', '{l="1"}', '{l="ä\\"\\n"}'),
    })
    .map(({ name, type, value, label }) => {
      const full = `${job}_${name}`
      if (type === 'summary')
        return `# TYPE ${full} summary\n${full}_sum ${value}\n${full}_count 1\n`
      if (type === 'histogram')
        return `# TYPE ${full} histogram\n${full}_bucket{le="+Inf"} ${value}\n${full}_sum ${value}\n${full}_count ${value}\n`
      return `# TYPE ${full} ${type}\n${full}${label} ${value}\n`
    })
const push: fc.Arbitrary<Push> = fc
  .constantFrom('x', 'y')
  .chain(job =>
    fc.record({
      method: fc.constantFrom('put', 'post', 'delete', 'reject', 'accumulate', 'ingest', 'wipe'),
      group: fc.constant({ job }),
      // The reader refuses a name that occurs twice, or that is a sample of another family.
      body: family(job),
      key: fc.integer({ min: 0, max: 3 }),
      checked: fc.boolean(),
    }),
  )
  .map(({ body, key, ...rest }): Push => {
    const { method, group } = rest
    const isGlobal = method === 'ingest' || method === 'wipe'
    // As for an Idempotency-Key: the id has the method and the path in it.
    const path = `${method} ${isGlobal ? '' : group.job} ${key}`
    const id = createHash('sha256').update(path).digest().subarray(0, 16)
    if (method === 'ingest') return { ...rest, id, body: body.replace(/\b[xy]_/g, 'i_') }
    const hasBody = method === 'put' || method === 'post' || method === 'accumulate'
    return { ...rest, id, body: hasBody ? body : '' }
  })

describe.skipIf(!available)('a history of requests', () => {
  let redis: LocalRedis
  const stores: RedisPushStore[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    await Promise.all(stores.map(store => store.stop()))
    await redis?.stop()
  })

  test('has the same outcomes and leaves the same as in the state machine', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(push, { maxLength: 25 }), async pushes => {
        const machine = new LocalPushStore()
        const store = await startRedisStore(redis.endpoints, { keyPrefix: `${run++}:` })
        stores.push(store)
        for (const push of pushes) {
          const request = requestOf(push)
          expect(await store.submit(request)).toEqual(await machine.submit(request))
          expect(await contentOf(store)).toEqual(await contentOf(machine))
        }
        await store.stop()
      }),
      { numRuns: 20 },
    )
  })
})

/** What a store serves and holds, without times and estimates. */
async function contentOf(store: PushStore) {
  const view = await store.read()
  const { groups, samples, ingested } = store.held()
  const text = exposition(view).replace(/^(push_\w+\{.*\}) [1-9].*$/gm, '$1 set')
  return { groups, samples, ingested, text: text.split('\n').sort() }
}
