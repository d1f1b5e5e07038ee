import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startRedis } from '../../../../dev/local/redis.js'
import { bucketKeys, bucketOf, groupName } from '../../../../gateway/store/redis/buckets.js'
import type { RedisOptions } from '../../../../gateway/store/redis/options.js'
import type { RedisPushStore } from '../../../../gateway/store/redis/store.js'
import { eventually } from '../../../support/eventually.js'
import { recordingLogger } from '../../../support/kafka.js'
import { partOrSkip } from '../../../support/or-skip.js'
import { startRedisStore } from '../../../support/redis-store.js'
import { exposition, type Push, requestOf } from '../../state/text.js'

const available = (await partOrSkip('redis')) !== null

describe.skipIf(!available)('the Redis store', () => {
  let redis: Awaited<ReturnType<typeof startRedis>>
  let stores: RedisPushStore[]
  const logger = recordingLogger()
  beforeEach(async () => {
    redis = await startRedis()
    stores = []
  })
  afterEach(async () => {
    await Promise.all(stores.map(store => store.stop()))
    await redis.stop()
  })

  async function start(options: Partial<RedisOptions> = {}) {
    const store = await startRedisStore(redis.endpoints, options, logger)
    stores.push(store)
    const submit = (push: Push) => store.submit(requestOf(push))
    const text = async () => exposition(await store.read())
    return { store, submit, text }
  }
  const keysOf = (job: string) => {
    const name = groupName([{ name: 'job', value: job }])
    const keys = bucketKeys('test:')[bucketOf(name)]
    return { ...keys, name, own: keys.group(name) }
  }

  test('refuses pushes when the memory of Redis is full, and leaves nothing half written', async () => {
    const { submit, text } = await start()
    await submit({ group: { job: 'a' }, body: 'x 1\n' })
    await redis.node.run('config', 'set', 'maxmemory', 1)
    const refused = submit({ group: { job: 'a' }, body: 'x 2\ny 3\n' })
    await expect(refused).rejects.toMatchObject({ maybeApplied: false })
    await expect(refused).rejects.toThrow('raise maxmemory of Redis')
    expect(await text()).toContain('x{instance="",job="a"} 1\n')
    // What frees memory is taken.
    await submit({ group: { job: 'a' }, method: 'delete' })
    expect(await text()).toBe('')
  })

  test('warns of an eviction policy that removes push groups', async () => {
    await redis.node.run('config', 'set', 'maxmemory', '1gb')
    await redis.node.run('config', 'set', 'maxmemory-policy', 'allkeys-lru')
    await start()
    expect(logger.lines.join('\n')).toContain('set maxmemory-policy to noeviction')
  })

  test('answers a push that no replica has with an error that says it may be stored', async () => {
    const { store, submit, text } = await start({ waitReplicas: 1, waitTimeoutMs: 50 })
    const refused = submit({ group: { job: 'a' }, body: 'x 1\n' })
    await expect(refused).rejects.toMatchObject({ maybeApplied: true })
    await expect(refused).rejects.toThrow('0 of 1 replicas')
    expect(store.metrics().unreplicated).toBe(1)
    expect(await text()).toContain('x{instance="",job="a"} 1\n')
  })

  test('does not read more than its memory allows, and reads again when there is less', async () => {
    const { store, submit, text } = await start({ maxReadBytes: 20_000 })
    await submit({ group: { job: 'a' }, body: 'x 1\n' })
    expect(await text()).toContain('x{')
    const body = Array.from({ length: 500 }, (_, i) => `large{i="${i}"} 1\n`).join('')
    await submit({ group: { job: 'b' }, body })
    await expect(store.read()).rejects.toThrow('raise --memory.limit')
    expect(store.metrics().cachedBytes).toBeLessThan(1000)
    await submit({ group: { job: 'b' }, method: 'delete' })
    expect(await text()).toContain('x{')
  })

  test('reads only what has changed', async () => {
    const { store, submit, text } = await start()
    for (let i = 0; i < 20; i++) await submit({ group: { job: `job-${i}` }, body: 'x 1\n' })
    await text()
    expect(store.metrics().groupsRead).toBe(20)
    await submit({ group: { job: 'job-3' }, body: 'x 2\n' })
    await submit({ group: { job: 'job-4' }, method: 'delete' })
    await text()
    await text()
    expect(store.metrics().groupsRead).toBe(21)
  })

  test('reads many series and large pushes, and gives a family the type of its last push', async () => {
    const { submit, text } = await start()
    const lines = (n: number) =>
      Array.from({ length: n }, (_, i) => `many{path="/some/long/path/${i}"} ${i}\n`).join('')
    await submit({ method: 'ingest', body: `# TYPE many counter\n${lines(3000)}` })
    await submit({ method: 'ingest', body: '# TYPE many gauge\nmany{path="/last"} 1\n' })
    const exposed = await text()
    expect(exposed).toContain('# TYPE many gauge\n')
    expect(exposed.match(/^many\{/gm)).toHaveLength(3001)
    const id = randomBytes(16)
    const large = { group: { job: 'l' }, id, body: lines(30_000).replaceAll('many', 'large') }
    expect(await submit(large)).toEqual({ kind: 'done' })
    expect(await submit(large)).toEqual({ kind: 'done' })
    expect(await submit({ ...large, body: `${large.body}large 1\n` })).toEqual({
      kind: 'id_reused',
    })
    expect((await text()).match(/^large\{/gm)).toHaveLength(30_000)
  })

  test('serves the rest when a push group is malformed, and counts it', async () => {
    const { store, submit, text } = await start()
    await submit({ group: { job: 'good' }, body: 'x 1\n' })
    await submit({ group: { job: 'bad' }, body: 'y 1\n' })
    await redis.node.run('hset', keysOf('bad').own, 'y', '1 2 1 nonsense')
    expect(await text()).toMatch(/^x\{instance="",job="good"\} 1$/m)
    expect(await text()).not.toContain('job="bad"')
    expect(store.metrics().malformed).toBe(1)
    const body = '# TYPE z counter\nz 1\n'
    expect(await submit({ group: { job: 'bad' }, method: 'accumulate', body })).toMatchObject({
      kind: 'inconsistent',
    })
    await submit({ group: { job: 'bad' }, body: 'y 2\n' })
    expect(await text()).toContain('y{instance="",job="bad"} 2\n')
  })

  test('keeps at least the newest 4,096 ids of a bucket, and not all of them', async () => {
    const { submit } = await start()
    const group = { job: 'many' }
    const ids = Array.from({ length: 9000 }, () => randomBytes(16))
    for (let from = 0; from < ids.length; from += 500)
      await Promise.all(
        ids.slice(from, from + 500).map(id => submit({ group, id, method: 'delete' })),
      )
    expect(await submit({ group, id: ids[9000 - 4096], body: 'x 1\n' })).toEqual({
      kind: 'id_reused',
    })
    const kept = await Promise.all(
      [keysOf('many').ids, keysOf('many').oldIds].map(key => redis.node.run('hlen', key)),
    )
    expect(Number(kept[0]) + Number(kept[1])).toBeLessThan(8200)
    const expiries = [keysOf('many').ids, keysOf('many').oldIds].map(key =>
      redis.node.run('pttl', key),
    )
    for (const ttl of await Promise.all(expiries)) {
      expect(ttl).toBeGreaterThan(500_000)
      expect(ttl).toBeLessThanOrEqual(1_200_000)
    }
  })

  test('removes what has expired from Redis, whoever reads it', async () => {
    const { store, submit, text } = await start()
    await submit({ group: { job: 'a' }, body: 'x 1\n', expiryMs: 100 })
    await submit({ method: 'ingest', body: 'y 1\n', expiryMs: 100 })
    await eventually(async () => {
      expect(await text()).toBe('')
      expect(store.held()).toMatchObject({ groups: 0, samples: 0, ingested: 0, bytes: 0 })
      const left = (await redis.node.run('keys', '*')) as string[]
      expect(left.filter(key => !/:(meta|ids)$/.test(key))).toEqual([])
      expect(store.metrics().expired).toBe(2)
    })
  })
})
