import { describe, expect, test } from 'vitest'
import type { UnreadContent } from '../../../../exposer/core/apply.js'
import type { Reading } from '../../../../exposer/core/store/layout-reading.js'
import { type Job, runInSlices, type Steps } from '../../../../shared/base/steps.js'
import type { LogRecord } from '../../../../shared/kafka/types.js'
import type { Layout } from '../../../../shared/metrics/layout.js'
import { recordOf } from '../../../support/layout-record.js'
import { FakeShard } from '../../../support/shard.js'

const MIB = 2 ** 20
const HEAP = 16 * MIB

/** A layout of many series, which needs several MiB while it is decoded. */
const layoutOf = (name: string, series: number): Layout => ({
  families: [
    {
      name,
      type: 'gauge',
      help: '',
      unit: '',
      series: Array.from({ length: series }, (_, i) => ({
        suffix: '' as const,
        labels: [{ name: 'path', value: `/${name}/${i}` }],
      })),
    },
  ],
})

function setting(heap: number) {
  const fake = new FakeShard(undefined, { memory: { heap, total: 1e9 } })
  const begin = (job: string, series: number) => {
    const record = recordOf(layoutOf(job, series), { job, collectedAt: fake.wall })
    const unread = fake.shard.tryApply(0, record, fake.now)
    if (!unread) throw new Error(`refused: ${fake.refusals}`)
    return { record, unread }
  }
  const end = (record: LogRecord, read: Reading) =>
    expect(fake.shard.tryApply(0, record, fake.now, read)).toBeNull()
  const readNow = (unread: UnreadContent) => runInSlices(fake.shard.read(unread))
  return { fake, begin, end, readNow }
}

/** Takes the remaining steps. */
function finish<T>(steps: Steps<T>, first: Job | undefined): T {
  let step = steps.next(first?.run())
  while (!step.done) step = steps.next(step.value?.run())
  return step.value
}

describe('layouts that are read at the same time', () => {
  test('reserve what they need, so that all together do not exceed the budget', async () => {
    const { fake, begin, end } = setting(HEAP)
    const { memory } = fake.shard.store
    let most = 0
    const observed = function* (steps: Steps<Reading>): Steps<Reading> {
      let step = steps.next()
      while (!step.done) {
        most = Math.max(most, memory.used.heap)
        step = steps.next(yield step.value)
      }
      return step.value
    }
    const publish = async (job: string) => {
      const { record, unread } = begin(job, 15_000)
      end(record, await runInSlices(observed(fake.shard.read(unread))))
    }
    await Promise.all(Array.from({ length: 40 }, (_, i) => publish(`app-${i}`)))
    expect(most).toBeLessThanOrEqual(1.1 * HEAP)
    expect(new Set(fake.refusals)).toEqual(new Set(['limit']))
    const up = [...fake.shard.targets()].filter(target => target.newest)
    expect(up.length).toBeGreaterThan(2)
    // Nothing stays reserved but the texts of labels.
    expect(HEAP - memory.limit).toBeLessThan(300 * fake.shard.targetCount)
  })

  test('wait for each other instead of being refused when the heap suffices for one at a time', async () => {
    const { fake, begin, end, readNow } = setting(24 * MIB)
    const reads = Array.from({ length: 6 }, (_, i) => begin(`app-${i}`, 20_000))
    const readings = await Promise.all(reads.map(({ unread }) => readNow(unread)))
    for (const [i, { record }] of reads.entries()) end(record, readings[i]!)
    expect(fake.refusals).toEqual([])
    expect(fake.shard.targetCount).toBe(6)
  })

  test('are eight at most: the next one begins when another was read', async () => {
    const { fake, begin } = setting(1e9)
    const [first, ...others] = Array.from({ length: 8 }, (_, i) => begin(`app-${i}`, 5000))
    const read = fake.shard.read(first!.unread)
    const { value } = read.next()
    for (const { unread } of others) fake.shard.read(unread).next()
    const ninth = fake.shard.read(begin('ninth', 5000).unread)
    const waits = ninth.next().value as Job
    let waiting = true
    const begun = waits.start().then(() => {
      waiting = false
    })
    await Promise.resolve()
    expect(waiting).toBe(true)
    finish(read, value as Job)
    await begun
    expect(finish(ninth, undefined).layout).toMatchObject({ series: 5000 })
  })
})
