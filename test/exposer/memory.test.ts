import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { HandFed } from './hand-fed.js'

let shard: HandFed
afterEach(() => shard.stop())

/** A shard with targets until its memory is exhausted. */
async function full(bytes: number): Promise<HandFed> {
  shard = await HandFed.start({ memory: { heap: bytes, total: 2 * bytes } })
  shard.assign([0, 1, 2, 3])
  const { counters } = shard.services.shard
  for (let i = 0; (counters.refused.get('limit') ?? 0) < 3; i++)
    await shard.append({ labels: { job: 'shop', instance: `${i}` }, intervalMs: 60_000 })
  return shard
}

describe('a shard whose memory is exhausted', () => {
  test('lists its targets, and does not keep the lists longer than they are cached', async () => {
    await full(300_000)
    const { memory } = shard.services.shard.store
    await eventually(async () => {
      for (const path of ['/sd', '/api/v1/targets', '/api/v1/ledger'])
        expect([path, (await shard.get(path)).status]).toEqual([path, 200])
      expect(memory.bytes('lists')).toBeGreaterThan(10_000)
    })
    await eventually(() => expect(memory.bytes('lists')).toBe(0))
  })

  test('answers 503 with the reason when a list does not fit, and with the next one that does 200', async () => {
    await full(300_000)
    const { memory } = shard.services.shard.store
    memory.addResponse('lists', 1e6)
    const refused = await shard.get('/sd?scope=shard')
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringMatching(/no memory is left for a list of \d+ targets: .*--memory\.limit/),
    ])
    memory.addResponse('lists', -1e6)
    expect((await shard.get('/sd?scope=shard')).status).toBe(200)
  })

  test('exposes all its targets at /metrics, counts what the scrape needs, and releases it', async () => {
    await full(300_000)
    const { memory } = shard.services.shard.store
    const held = memory.bytes('scrapes')
    const response = await shard.get('/metrics?scraper=p')
    expect([response.status, (await response.text()).match(/^up\{/gm)?.length]).toEqual([
      200,
      shard.services.shard.targetCount,
    ])
    const remembered = memory.bytes('scrapes') - held
    expect(remembered).toBeGreaterThan(50 * shard.services.shard.targetCount)
    expect(remembered).toBeLessThan(150 * shard.services.shard.targetCount)
    shard.assign([])
    expect(memory.bytes('scrapes')).toBe(0)
  })

  test('answers 503 with the reason when a scrape does not fit', async () => {
    await full(300_000)
    const { memory } = shard.services.shard.store
    memory.addResponse('scrapes', 1e6)
    const refused = await shard.get('/metrics')
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringMatching(/no memory is left for this scrape of \d+ targets/),
    ])
    memory.addResponse('scrapes', -1e6)
    expect((await shard.get('/metrics')).status).toBe(200)
  })
})
