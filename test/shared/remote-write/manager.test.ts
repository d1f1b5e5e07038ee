import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../shared/base/clock.js'
import type { ClientResponse, HttpClient } from '../../../shared/http/client/types.js'
import { parseRemoteWriteFile } from '../../../shared/remote-write/config.js'
import { WriteFigures } from '../../../shared/remote-write/figures.js'
import type { WriteItem } from '../../../shared/remote-write/item.js'
import { QueueManager } from '../../../shared/remote-write/manager.js'

const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const STORED: ClientResponse = {
  status: 204,
  headers: { 'x-prometheus-remote-write-samples-written': '1' },
  body: Buffer.alloc(0),
}
const FAILED: ClientResponse = { status: 500, headers: {}, body: Buffer.from('no') }

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** A queue whose requests are answered by their targets: nothing is encoded. */
function setUp(
  answer: (targets: ReadonlySet<string>) => ClientResponse | Promise<ClientResponse>,
  { capacity = 100, limitMs = 600_000 } = {},
) {
  let written = new Set<string>()
  const sent = new WeakMap<Uint8Array, ReadonlySet<string>>()
  const client: HttpClient = {
    async request({ body }) {
      // A repeated request is not written again.
      const targets = sent.get(body!) ?? written
      sent.set(body!, targets)
      written = new Set()
      return answer(targets)
    },
    close() {},
  }
  const config = {
    url: 'http://receiver/write',
    queue_config: {
      ...{ capacity, max_shards: 1, max_samples_per_send: 50, batch_send_deadline: '1ms' },
      ...{ min_backoff: '1ms', max_backoff: '2ms' },
    },
  }
  const file = JSON.stringify({ remote_write: [config] })
  const { remote } = parseRemoteWriteFile(file).remotes[0]!
  const figures = new WriteFigures()
  const settled: string[] = []
  const queue = new QueueManager({
    remote: { ...remote, isolationLimitMs: limitMs },
    client,
    clock: systemClock,
    logger,
    figures,
    onRequest: quiet,
    families: () => [],
  })
  cleanups.push(() => queue.stop())
  queue.start()
  const push = (target: string, samples = 1): void => {
    const item: WriteItem = {
      ...{ target, hash: 0, series: samples, samples, time: Date.now(), dueAt: Date.now() },
      ...{ isRepeat: false, isCancelled: false },
      write: () => void written.add(target),
      settle: () => void settled.push(target),
    }
    queue.push(item)
  }
  return { queue, push, figures, settled }
}

const isBad = (target: string) => target.startsWith('bad')
const refusingBad = (targets: ReadonlySet<string>) => ([...targets].some(isBad) ? FAILED : STORED)

test('isolated targets recover several at a time, each with one request', async () => {
  let isRepaired = false
  const inFlight: string[] = []
  const waiting: (() => void)[] = []
  const { push, figures, settled } = setUp(targets => {
    if (!isRepaired) return refusingBad(targets)
    inFlight.push(...targets)
    return new Promise(resolve => waiting.push(() => resolve(STORED)))
  })
  const bad = Array.from({ length: 6 }, (_, i) => `bad${i}`)
  for (const target of [...bad, 'good']) push(target)
  await expect.poll(() => figures.isolatedTargets).toBe(6)
  // On a slow machine it may be in a request of its own.
  await expect.poll(() => settled).toContain('good')
  isRepaired = true
  await expect.poll(() => inFlight.length).toBe(4)
  expect(new Set(inFlight).size).toBe(4)
  waiting.splice(0).forEach(answer => void answer())
  await expect.poll(() => inFlight.length).toBe(6)
  waiting.splice(0).forEach(answer => void answer())
  await expect.poll(() => figures.isolatedTargets).toBe(0)
  expect(new Set(settled)).toEqual(new Set([...bad, 'good']))
})

test('a target that is not stored does not hold its shard when no more can be isolated', async () => {
  let isPushed = () => {}
  const pushed = new Promise<void>(resolve => {
    isPushed = resolve
  })
  const { push, figures, settled } = setUp(
    async targets => {
      await pushed
      return refusingBad(targets)
    },
    { capacity: 100 },
  )
  // Each of them takes half of the room.
  for (let i = 0; i < 6; i++) {
    push(`bad${i}`, 50)
    push(`good${i}`, 20)
  }
  isPushed()
  await expect.poll(() => settled.filter(target => !isBad(target)).length).toBe(6)
  await expect.poll(() => figures.isolatedSamples).toBeLessThanOrEqual(100)
  const lost = figures.failed.get('isolated')!
  expect(lost).toBeGreaterThanOrEqual(200)
  expect(lost).toBe(50 * settled.filter(isBad).length)
})

test('nothing is given up while the receiver stores nothing at all', async () => {
  let requests = 0
  const { push, figures, settled } = setUp(
    () => {
      requests++
      return FAILED
    },
    { capacity: 10 },
  )
  for (let i = 0; i < 6; i++) push(`any${i}`, 10)
  await expect.poll(() => requests).toBeGreaterThan(300)
  expect(figures.failed.get('isolated')).toBe(0)
  expect(settled).toEqual([])
})
