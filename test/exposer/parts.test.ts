import { setMaxListeners } from 'node:events'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { Changes } from '../../exposer/group/changes.js'
import { incomplete } from '../../exposer/group/peers.js'
import { patienceOf } from '../../exposer/routes/hold.js'
import { CellHistogram } from '../../exposer/telemetry/cell-histogram.js'
import { mergeInSlices, sortInSlices } from '../../shared/base/slices.js'
import { urlOf } from '../../shared/http/address.js'

describe('how long a request is held', () => {
  test.each([
    ['10', 9000],
    ['0.5', 450],
    [undefined, 9000],
    ['nonsense', 9000],
    ['-1', 9000],
    ['86400', 108_000],
  ])('a scrape timeout of %s s: %d ms', (seconds, ms) => {
    expect(patienceOf({ 'x-prometheus-scrape-timeout-seconds': seconds })).toBe(ms)
  })
})

describe('changes', () => {
  const never = new AbortController().signal
  setMaxListeners(0, never)

  test('wake those who wait, in the order in which they came, and not all in one turn', async () => {
    const changes = new Changes()
    const woken: number[] = []
    const waits = Array.from({ length: 100 }, (_, i) => changes.next(60_000, never).then(() => woken.push(i)))
    changes.notify()
    await waits[0]
    expect(woken.length).toBeLessThan(100)
    await Promise.all(waits)
    expect(woken).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  test('end a wait also at its deadline, when it is aborted, and for good when closed', async () => {
    const changes = new Changes()
    await changes.next(1, never)
    await changes.next(60_000, AbortSignal.abort())
    const waiting = changes.next(60_000, never)
    changes.close()
    await waiting
    await changes.next(60_000, never)
    expect(changes.waiting).toBe(0)
  })
})

describe('whether the answers are the whole group', () => {
  const answer = (address: string, ...partitions: number[]) => ({ address, partitions, lines: [] })

  test('every partition is spoken for once', () => {
    expect(incomplete([answer('a', 0, 2), answer('b', 1)], 3)).toBeUndefined()
  })

  test('any other distribution is found out', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 }), { maxLength: 4 }),
        (count, shards) => {
          const spoken = shards.flat()
          const known = spoken.every(p => p < count)
          const exact = known && spoken.length === count && new Set(spoken).size === count
          const answers = shards.map((partitions, i) => answer(String(i), ...partitions))
          expect(incomplete(answers, count) === undefined).toBe(exact)
        },
      ),
    )
  })

  test('a silent shard is named with its reason', () => {
    const silent = { address: 'http://b:1', partitions: [1], error: 'ECONNREFUSED' }
    expect(incomplete([answer('a', 0), silent], 2)).toBe('shard http://b:1 does not answer: ECONNREFUSED')
  })
})

test('slices sort and merge as sorting at once does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string(), { maxLength: 3000 }),
      fc.integer({ min: 1, max: 5 }),
      async (lines, k) => {
        expect(await sortInSlices(lines)).toEqual([...lines].sort())
        const lists = Array.from({ length: k }, (_, i) => lines.filter((_, j) => j % k === i).sort())
        expect(await mergeInSlices(lists)).toEqual([...lines].sort())
      },
    ),
    { numRuns: 30 },
  )
})

describe('the address that a shard advertises by itself', () => {
  const eth = { address: '10.1.2.3', family: 'IPv4', internal: false } as const
  const lo = { address: '127.0.0.1', family: 'IPv4', internal: true } as const
  const local = { address: 'fe80::1', family: 'IPv6', internal: false } as const
  const six = { address: '2001:db8::1', family: 'IPv6', internal: false } as const
  const interfaces = (...list: object[]) => ({ eth0: list }) as never

  test.each([
    ['127.0.0.1', interfaces(eth), 'http://127.0.0.1:9754'],
    ['::1', interfaces(eth), 'http://[::1]:9754'],
    ['::', interfaces(lo, local, six, eth), 'http://10.1.2.3:9754'],
    ['0.0.0.0', interfaces(lo, local, six), 'http://[2001:db8::1]:9754'],
    ['::', interfaces(lo), 'http://127.0.0.1:9754'],
  ])('listening on %s with %j: %s', (address, list, url) => {
    expect(urlOf({ address, port: 9754 }, list)).toBe(url)
  })
})

test("the histogram of delays is exposed as prom-client's own would be", async () => {
  const registry = new Registry()
  const label = { name: 'stage', values: ['produce', 'consume'] as const }
  const delays = new CellHistogram('delay_seconds', 'A delay', label, [0.1, 1]).register(registry)
  for (const seconds of [0.05, 0.1, 0.5, 3]) delays.observe('produce', seconds)
  const text = await registry.metrics()
  expect(text.split('\n').filter(line => line.includes('produce'))).toEqual([
    'delay_seconds_bucket{le="0.1",stage="produce"} 2',
    'delay_seconds_bucket{le="1",stage="produce"} 3',
    'delay_seconds_bucket{le="+Inf",stage="produce"} 4',
    'delay_seconds_sum{stage="produce"} 3.65',
    'delay_seconds_count{stage="produce"} 4',
  ])
  expect(text).toContain('delay_seconds_count{stage="consume"} 0')
})
