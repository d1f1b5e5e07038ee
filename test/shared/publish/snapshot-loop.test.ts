import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../../shared/base/clock.js'
import { publicationOf } from '../../../shared/publish/publications.js'
import type { Sample } from '../../../shared/publish/sample.js'
import {
  type Collector,
  SnapshotLoop,
  type SnapshotLoopOptions,
} from '../../../shared/publish/snapshot-loop.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { planParts } from '../../../shared/snapshot/split.js'

const target = [
  { name: 'instance', value: 'a' },
  { name: 'job', value: 'shop' },
]
const INTERVAL_MS = 10_000
const STARTED = Date.UTC(2026, 0, 1)

beforeEach(() => {
  vi.useFakeTimers({ now: STARTED })
})
afterEach(() => {
  vi.useRealTimers()
})

const parts = planParts({
  families: [
    { name: 'g', type: 'gauge', help: '', unit: '', series: [{ suffix: '', labels: [] }] },
  ],
})
const sampleOf = (value: number): Sample => ({
  parts,
  values: Float64Array.of(value),
  timestamps: null,
  exemplars: null,
})

/** A loop with the test's collector, and its publications as an exposer decodes them. */
class Harness {
  readonly offered: {
    sequence: number
    collectedAt: number
    took: number
    end: boolean
    content: number | string
  }[] = []
  readonly failures: string[] = []
  readonly timeouts: number[] = []
  wallOffset = 0
  readonly loop: SnapshotLoop
  readonly #reader = new SnapshotReader()

  constructor(
    collect: (call: number) => Promise<number>,
    sample?: (value: number) => Promise<Sample>,
    options: Pick<SnapshotLoopOptions, 'first'> = {},
  ) {
    let calls = 0
    const collector: Collector = {
      collect: async timeoutMs => {
        this.timeouts.push(timeoutMs)
        const value = await collect(calls++)
        return { sample: () => (sample ? sample(value) : Promise.resolve(sampleOf(value))) }
      },
    }
    const clock: Clock = {
      now: () => ({ wall: Date.now() + this.wallOffset, mono: performance.now() }),
    }
    this.loop = new SnapshotLoop({
      target,
      key: targetKey(target),
      intervalMs: INTERVAL_MS,
      collector,
      clock,
      ...options,
      offer: collected => {
        const [record] = publicationOf(collected).encode(0)
        this.#reader.open(record)
        const { sequence, collectedAt, collectSeconds, end, failure } = this.#reader
        const { result } = collected
        const series = result instanceof Error ? 0 : result.values.length
        const content = failure ?? this.#reader.body(series).values[0]
        this.offered.push({ sequence, collectedAt, took: collectSeconds, end, content })
      },
      collectionFailed: error => this.failures.push(error.message),
    })
  }

  get contents(): (number | string)[] {
    return this.offered.map(({ content }) => content)
  }

  intervals(count: number): Promise<unknown> {
    return vi.advanceTimersByTimeAsync(count * INTERVAL_MS)
  }
}

const later = <T>(ms: number, outcome: () => T): Promise<T> =>
  new Promise((resolve, reject) => {
    setTimeout(() => {
      try {
        resolve(outcome())
      } catch (error) {
        reject(error)
      }
    }, ms)
  })
const never = () => new Promise<never>(() => {})
const fails = (message: string) => async () => {
  throw new Error(message)
}

describe('a snapshot loop', () => {
  test('with a scheduled start collects first when it is due', async () => {
    const harness = new Harness(async call => call, undefined, { first: 'scheduled' })
    harness.loop.start()
    await vi.advanceTimersByTimeAsync(0)
    expect(harness.contents).toEqual([])
    await harness.intervals(1)
    expect(harness.contents).toEqual([0])
  })

  test('collects at once, and then at multiples of the interval plus the offset of the key', async () => {
    const harness = new Harness(async call => call)
    harness.loop.start()
    await harness.intervals(5)
    expect(harness.contents).toEqual([0, 1, 2, 3, 4, 5])
    const times = harness.offered.map(({ collectedAt }) => collectedAt)
    expect(times[0]).toBe(STARTED)
    const phases = times.slice(1).map(time => time % INTERVAL_MS)
    expect(new Set(phases).size).toBe(1)
  })

  test('gives failed collections a sequence number, a reason and a time', async () => {
    const harness = new Harness(call =>
      call % 2
        ? later(200, () => call)
        : later(100, () => {
            throw new Error(`no ${call}`)
          }),
    )
    harness.loop.start()
    await harness.intervals(3.5)
    expect(harness.contents).toEqual(['no 0', 1, 'no 2', 3])
    expect(harness.offered.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3])
    expect(harness.offered.map(({ took }) => Math.round(took * 10))).toEqual([1, 2, 1, 2])
    for (let i = 1; i < 4; i++)
      expect(harness.offered[i].collectedAt).toBeGreaterThan(harness.offered[i - 1].collectedAt)
    expect(harness.failures).toEqual(['no 0', 'no 2'])
  })

  test('reports a hanging collection as failed each interval, without starting another', async () => {
    let answer: ((value: number) => void) | undefined
    const harness = new Harness(
      call =>
        new Promise(resolve => {
          if (call > 0) resolve(call)
          else answer = resolve
        }),
    )
    harness.loop.start()
    await harness.intervals(5)
    expect(harness.timeouts).toEqual([9000])
    // The first tick may come before the first collection times out.
    expect(harness.contents.length).toBeGreaterThanOrEqual(4)
    expect(new Set(harness.contents)).toEqual(new Set(['no answer within 9000 ms']))
    answer!(42)
    await harness.intervals(3)
    // The first collection ended before the timeout of a tick, or between two ticks.
    const values = harness.contents.filter(content => typeof content === 'number')
    expect([42, 1, 2]).toEqual(expect.arrayContaining(values.slice(0, 3)))
    expect(harness.timeouts.length).toBeGreaterThanOrEqual(3)
  })

  test('times out a slow collection before the next one is due, so that none is skipped', async () => {
    const harness = new Harness(() => later(9500, () => 1))
    harness.loop.start()
    await harness.intervals(4)
    const gaps = harness.offered
      .slice(1)
      .map(({ collectedAt }, i) => collectedAt - harness.offered[i].collectedAt)
    expect(harness.offered.length).toBeGreaterThanOrEqual(3)
    for (const gap of gaps) expect(gap).toBeLessThanOrEqual(INTERVAL_MS + 9100)
  })

  test('reports a collector that throws synchronously, or something other than an Error', async () => {
    const harness = new Harness(call => {
      if (call === 0) throw new Error('at once')
      if (call === 1) throw 'text'
      if (call === 2) throw Object.assign(new Error('x'), { message: 5 })
      throw Object.create(null)
    })
    harness.loop.start()
    await harness.intervals(3)
    expect(harness.contents).toEqual([
      'at once',
      'text',
      'Error: 5',
      'a value without a text was thrown',
    ])
  })

  test('reports a collection as failed if it cannot be mapped to a sample', async () => {
    const harness = new Harness(async () => 1, fails('none of the series can be published'))
    harness.loop.start()
    await harness.intervals(0.01)
    expect(harness.contents).toEqual(['none of the series can be published'])
  })

  test('has strictly increasing times, also when the clock is set back', async () => {
    const harness = new Harness(async call => call)
    harness.loop.start()
    await harness.intervals(1)
    harness.wallOffset = -3_600_000
    await harness.intervals(2)
    const times = harness.offered.map(({ collectedAt }) => collectedAt)
    expect(times.length).toBeGreaterThanOrEqual(3)
    for (let i = 1; i < times.length; i++) expect(times[i]).toBeGreaterThan(times[i - 1])
  })
})

describe('the end of a run', () => {
  test('has the final values, and nothing is offered after it', async () => {
    const harness = new Harness(async call => call)
    harness.loop.start()
    await harness.intervals(1)
    await harness.loop.end(100)
    await harness.intervals(3)
    expect(harness.offered.map(({ content, end }) => [content, end])).toEqual([
      [0, false],
      [1, false],
      [2, true],
    ])
  })

  test.each<[string, (call: number) => Promise<number>]>([
    ['fails', async call => (call === 0 ? 7 : fails('gone')())],
    ['hangs', async call => (call === 0 ? 7 : never())],
  ])(
    'has the previous values when the final collection %s, which is reported',
    async (_, collect) => {
      const harness = new Harness(collect)
      harness.loop.start()
      await harness.intervals(0.01)
      const ended = harness.loop.end(100)
      await harness.intervals(1)
      await ended
      expect(harness.offered.map(({ content, end, sequence }) => [content, end, sequence])).toEqual(
        [
          [7, false, 0],
          [7, true, 1],
        ],
      )
      expect(harness.failures).toHaveLength(1)
    },
  )

  test('is a failure if no collection succeeded', async () => {
    const harness = new Harness(fails('gone'))
    harness.loop.start()
    await harness.intervals(0.01)
    await harness.loop.end(100)
    expect(harness.offered.map(({ content, end }) => [content, end])).toEqual([
      ['gone', false],
      ['gone', false],
    ])
  })

  test('has no series, and no old values, if the collection before has failed too', async () => {
    const harness = new Harness(async call => (call === 0 ? 7 : fails('gone')()))
    harness.loop.start()
    await harness.intervals(1)
    await harness.loop.end(100)
    expect(harness.offered.map(({ content, end }) => [content, end])).toEqual([
      [7, false],
      ['gone', false],
      [undefined, true],
    ])
  })

  test('has the previous values if collections had failed before those', async () => {
    const harness = new Harness(async call => (call === 1 ? 7 : fails('gone')()))
    harness.loop.start()
    await harness.intervals(1)
    await harness.loop.end(100)
    expect(harness.offered.map(({ content, end }) => [content, end])).toEqual([
      ['gone', false],
      [7, false],
      [7, true],
    ])
  })

  test('waits for a collection in progress, which is not offered', async () => {
    const harness = new Harness(call => later(50, () => call))
    harness.loop.start()
    const ended = harness.loop.end(100)
    await harness.intervals(1)
    await ended
    expect(harness.offered.map(({ content, end }) => [content, end])).toEqual([[1, true]])
  })

  test('is not followed by a snapshot whose layout was being built', async () => {
    const harness = new Harness(
      async call => call,
      value => later(value === 0 ? 500 : 1, () => sampleOf(value)),
    )
    harness.loop.start()
    await vi.advanceTimersByTimeAsync(10)
    const ended = harness.loop.end(100)
    await harness.intervals(1)
    await ended
    expect(harness.offered.map(({ content, end }) => [content, end])).toEqual([[1, true]])
  })

  test('is offered once, and not by a loop that was never started or was stopped', async () => {
    const once = new Harness(async call => call)
    once.loop.start()
    await Promise.all([once.loop.end(100), once.loop.end(100), once.intervals(0.1)])
    once.loop.start()
    await once.intervals(2)
    expect(once.offered.filter(({ end }) => end)).toHaveLength(1)

    const unstarted = new Harness(async call => call)
    await unstarted.loop.end(100)
    const stopped = new Harness(async call => call)
    stopped.loop.start()
    stopped.loop.stop()
    await stopped.loop.end(100)
    await stopped.intervals(2)
    expect([unstarted.offered, stopped.offered]).toEqual([[], []])
  })
})
