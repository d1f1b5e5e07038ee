import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { AggregatorRegistry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { type AggregatedMetric, aggregate } from '../../producer/cluster/aggregate.js'
import { ClusterSource, type WorkersOfCluster } from '../../producer/cluster/cluster-source.js'
import { COLLECTED, type CollectMessage, READY, sendable } from '../../producer/cluster/messages.js'
import { runNow } from '../../shared/base/steps.js'
import { readBack, sampleOf } from './sampled.js'

type Answer = ((request: CollectMessage) => unknown) | 'hangs'

/** A cluster whose workers answer as told. Messages pass through JSON, as between processes. */
class FakeCluster extends EventEmitter {
  readonly workers: Record<string, unknown> = {}
  readonly asked: number[] = []
  readonly #answers = new Map<number, Answer>()

  worker(id: number, answer: Answer): void {
    this.#answers.set(id, answer)
    this.workers[id] = {
      id,
      isConnected: () => true,
      send: (request: CollectMessage) => {
        this.asked.push(id)
        const answer = this.#answers.get(id)!
        if (answer !== 'hangs') setImmediate(() => this.tell(id, answer(request)))
      },
    }
  }

  tell(id: number, message: unknown): void {
    this.emit('message', this.workers[id] ?? { id }, JSON.parse(JSON.stringify(message)))
  }

  exit(id: number): void {
    const worker = this.workers[id]
    delete this.workers[id]
    this.emit('disconnect', worker)
  }
}

const counter = (name: string, value: unknown, more: object = {}) => ({
  name,
  help: 'h',
  type: 'counter',
  aggregator: 'sum',
  values: [{ labels: {}, value }],
  ...more,
})
const answering =
  (...metrics: unknown[]): Answer =>
  ({ id }) => ({ type: COLLECTED, id, metrics, errors: [] })

const setting = () => {
  const cluster = new FakeCluster()
  const source = new ClusterSource(cluster as unknown as WorkersOfCluster)
  const collect = async (timeoutMs = 1000) => {
    const { readings, errors } = await source.collect(timeoutMs)
    return {
      values: Object.fromEntries(readBack(await sampleOf(readings))),
      errors: errors.map(({ kind, metric, message }) => `${kind} ${metric}: ${message}`),
    }
  }
  return { cluster, collect }
}

describe('the workers of a cluster', () => {
  test('are added up', async () => {
    const { cluster, collect } = setting()
    cluster.worker(1, answering(counter('a_total', 1), counter('b_total', 5)))
    cluster.worker(2, answering(counter('a_total', 2)))
    expect(await collect()).toEqual({ values: { 'a_total{}': 3, 'b_total{}': 5 }, errors: [] })
    expect(cluster.listenerCount('message')).toBe(0)
  })

  test.each<[string, Answer, string | RegExp]>([
    [
      'no list',
      ({ id }) => ({ type: COLLECTED, id, metrics: 5 }),
      /^refused undefined: worker 2: the source must return a list/,
    ],
    [
      'a broken metric',
      answering(counter('a_total', 0, { values: [null] })),
      /^refused a_total: worker 2: the source must return/,
    ],
    [
      'a value that is no number',
      answering(counter('a_total', 'many')),
      'refused a_total: worker 2: a value is not a number',
    ],
    [
      'an unknown aggregator',
      answering(counter('a_total', 2, { aggregator: 'bogus' })),
      'refused a_total: worker 2: its aggregator "bogus" is unknown',
    ],
    [
      'the error of a metric',
      ({ id }) => ({
        type: COLLECTED,
        id,
        metrics: [],
        errors: [{ metric: 'a_total', message: 'no' }],
      }),
      'failed a_total: worker 2: no',
    ],
  ])(
    'of which one answers %s are published with its last values, and it is told',
    async (_, garbage, error) => {
      const { cluster, collect } = setting()
      cluster.worker(1, answering(counter('a_total', 1)))
      cluster.worker(2, answering(counter('a_total', 2)))
      await collect()
      cluster.worker(1, answering(counter('a_total', 10)))
      cluster.worker(2, garbage)
      expect(await collect()).toEqual({
        values: { 'a_total{}': 12 },
        errors: [typeof error === 'string' ? error : expect.stringMatching(error)],
      })
    },
  )

  test('of which one hangs are published; it is not asked again, and its late answer is used', async () => {
    const { cluster, collect } = setting()
    cluster.worker(1, answering(counter('a_total', 1)))
    cluster.worker(2, answering(counter('a_total', 2)))
    await collect()
    cluster.worker(2, 'hangs')
    expect(await collect(20)).toEqual({
      values: { 'a_total{}': 3 },
      errors: ['timeout undefined: worker 2: no answer within 20 ms'],
    })
    expect((await collect(20)).errors).toEqual([
      'timeout undefined: worker 2: it has not answered yet',
    ])
    expect(cluster.asked).toEqual([1, 2, 1, 2, 1])
    cluster.tell(2, { type: COLLECTED, id: 2, metrics: [counter('a_total', 7)], errors: [] })
    expect(cluster.listenerCount('message')).toBe(0)
    cluster.worker(2, answering(counter('a_total', 8)))
    expect(await collect()).toEqual({ values: { 'a_total{}': 9 }, errors: [] })
  })

  test('of which one was not listening yet is asked again when it is', async () => {
    const { cluster, collect } = setting()
    cluster.worker(1, 'hangs')
    cluster.worker(2, answering(counter('a_total', 2)))
    const first = collect(60_000)
    cluster.worker(1, answering(counter('a_total', 1)))
    cluster.tell(1, { type: READY })
    expect(await first).toEqual({ values: { 'a_total{}': 3 }, errors: [] })
    cluster.worker(1, 'hangs')
    expect((await collect(20)).errors).toHaveLength(1)
    cluster.worker(1, answering(counter('a_total', 5)))
    cluster.tell(1, { type: READY })
    expect(await collect()).toEqual({ values: { 'a_total{}': 7 }, errors: [] })
  })

  test('of which one exits are published without it, at once', async () => {
    const { cluster, collect } = setting()
    cluster.worker(1, answering(counter('a_total', 1)))
    cluster.worker(2, answering(counter('a_total', 2)))
    await collect()
    cluster.worker(2, 'hangs')
    const collected = collect(60_000)
    cluster.exit(2)
    expect(await collected).toEqual({ values: { 'a_total{}': 1 }, errors: [] })
  })

  test('are combined as by prom-client', () => {
    const value = fc.oneof(fc.integer(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))
    const metric = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      help: fc.constant('h'),
      type: fc.constant('gauge'),
      values: fc.uniqueArray(
        fc.record({
          labels: fc.constantFrom<Record<string, string>>({}, { x: '1' }, { x: '2', y: 'z' }),
          value,
        }),
        { selector: ({ labels }) => JSON.stringify(labels) },
      ),
    })
    const aggregators: Record<string, string> = { a: 'sum', b: 'max', c: 'average' }
    const worker = fc
      .uniqueArray(metric, { selector: ({ name }) => name })
      .map(all => all.map(one => ({ ...one, aggregator: aggregators[one.name] })))
    const seriesOf = (metrics: readonly { name: string; values?: readonly object[] }[]) =>
      metrics
        .flatMap(({ name, values = [] }) =>
          values.map(value => {
            const { labels, value: number } = value as { labels: object; value: number }
            return `${name} ${JSON.stringify(labels)} ${number}`
          }),
        )
        .sort()
    fc.assert(
      fc.property(fc.array(worker, { maxLength: 4 }), workers => {
        const sent = workers.map(
          metrics => JSON.parse(JSON.stringify(sendable(metrics))) as AggregatedMetric[],
        )
        const theirs = AggregatorRegistry.aggregate(workers as never).getMetricsAsArray()
        expect(seriesOf(runNow(aggregate(sent)))).toEqual(seriesOf(theirs as never))
      }),
    )
  })
})
