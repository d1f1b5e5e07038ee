import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeAnswer } from '../../../shared/remote-write/answer.js'
import { desiredShards, Ewma } from '../../../shared/remote-write/desired-shards.js'
import type { WriteItem } from '../../../shared/remote-write/item.js'
import { ShardQueue } from '../../../shared/remote-write/shard-queue.js'

const OPTIONS = { maxSamplesPerSend: 10, batchSendDeadlineMs: 100 }

function item(target: string, series: number, more: Partial<WriteItem> = {}) {
  const state = { settled: 0 }
  const one: WriteItem = {
    target,
    hash: 0,
    series,
    samples: series,
    time: 0,
    dueAt: 0,
    isRepeat: false,
    isCancelled: false,
    write() {},
    settle: () => {
      state.settled++
    },
    ...more,
  }
  return { one, state }
}

describe('a queue shard', () => {
  test('sends when a request is full, or its deadline has passed', () => {
    const queue = new ShardQueue(OPTIONS)
    queue.push(item('a', 4).one, 0)
    expect(queue.next(99)).toBeNull()
    expect(queue.dueAt(0)).toBe(100)
    expect(queue.next(100)?.samples).toBe(4)
    expect(queue.next(1000)).toBeNull()
    queue.settle()
    queue.push(item('a', 10).one, 200)
    expect(queue.next(200)?.samples).toBe(10)
  })

  test('splits a target rather than send a request that is hardly more than half full', () => {
    const samplesOf = (first: number, second: number) => {
      const queue = new ShardQueue(OPTIONS)
      queue.push(item('a', first).one, 0)
      queue.push(item('b', second).one, 0)
      return queue.next(0)?.samples
    }
    expect(samplesOf(6, 6)).toBe(10)
    expect(samplesOf(8, 6)).toBe(8)
  })

  test('sends at once while it is flushed', () => {
    const queue = new ShardQueue(OPTIONS)
    queue.flush(true)
    queue.push(item('a', 1).one, 0)
    expect(queue.next(0)?.samples).toBe(1)
  })

  test('does not repeat a target in a request that may have been sent before', () => {
    const queue = new ShardQueue(OPTIONS)
    for (const isRepeat of [true, true, false, false]) queue.push(item('a', 2, { isRepeat }).one, 0)
    const samples = [1, 2, 3].map(() => {
      const batch = queue.next(1000)
      queue.settle()
      return batch?.samples
    })
    expect(samples).toEqual([2, 2, 4])
  })

  test('drops what another process has to send, without sending it', () => {
    const queue = new ShardQueue(OPTIONS)
    const { one, state } = item('a', 5, { isCancelled: true })
    queue.push(one, 0)
    expect(queue.next(1000)).toBeNull()
    expect(state.settled).toBe(1)
    expect(queue.pending).toBe(0)
  })

  test('removes all that waits of an isolated target, in order, and settles the others', () => {
    const queue = new ShardQueue(OPTIONS)
    const [bad, good] = [item('a', 4), item('b', 4)]
    const large = item('a', 25)
    for (const { one } of [bad, good, large, item('a', 1), item('b', 2)]) queue.push(one, 0)
    const batch = queue.next(1000)!
    expect(batch.pieces.map(({ item: { target }, to }) => [target, to])).toEqual([
      ['a', 4],
      ['b', 4],
      ['a', 2],
    ])
    const isolated = batch.pieces.filter(({ item: { target } }) => target === 'a')
    const removed = queue.settle(isolated, 1000)
    expect([...removed.keys()]).toEqual(['a'])
    expect(removed.get('a')!.map(({ item: { series }, from }) => [series, from])).toEqual([
      [4, 0],
      [25, 0],
      [1, 0],
    ])
    expect([bad.state.settled, good.state.settled]).toEqual([0, 1])
    expect(queue.pending).toBe(2)
    expect(queue.next(1000)?.samples).toBe(2)
  })

  test('sends every series of every item once, in order, and settles each once', () => {
    const anyItem = fc.record({
      target: fc.constantFrom('a', 'b', 'c'),
      series: fc.integer({ min: 1, max: 35 }),
      isRepeat: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 30 }), fc.array(fc.boolean()), (items, moves) => {
        let queue = new ShardQueue(OPTIONS)
        const all = items.map(({ target, series, isRepeat }) => item(target, series, { isRepeat }))
        for (const { one } of all) queue.push(one, 0)
        const sent = new Map<WriteItem, number>()
        for (let i = 0; ; i++) {
          const batch = queue.next(1000)
          if (!batch) break
          expect(batch.samples).toBeLessThanOrEqual(OPTIONS.maxSamplesPerSend)
          const targets = batch.pieces.map(piece => piece.item)
          for (const one of targets)
            if (one.isRepeat)
              expect(targets.filter(other => other.target === one.target)).toEqual([one])
          for (const piece of batch.pieces) {
            expect(piece.from).toBe(sent.get(piece.item) ?? 0)
            sent.set(piece.item, piece.to)
          }
          queue.settle()
          if (!moves[i]) continue
          const next = new ShardQueue(OPTIONS)
          for (const waiting of queue.drain()) next.readd(waiting)
          queue = next
        }
        expect(all.map(({ one }) => sent.get(one))).toEqual(items.map(({ series }) => series))
        expect(all.map(({ state }) => state.settled)).toEqual(items.map(() => 1))
        expect(queue.pending).toBe(0)
      }),
    )
  })
})

describe('the number of shards', () => {
  const demand = {
    shards: 1,
    minShards: 1,
    maxShards: 50,
    inRate: 1000,
    outRate: 1000,
    sending: 0.5,
    delay: 0,
  }
  test.each([
    ['stays when one is enough', {}, 1],
    ['grows when sending takes longer than the samples come in', { sending: 4 }, 4],
    ['grows with the backlog', { delay: 60 }, 2],
    ['stays within 30 %', { shards: 4, sending: 4.5 }, 4],
    ['falls when fewer suffice', { shards: 10 }, 1],
    ['does not fall while there is a backlog', { shards: 10, delay: 20 }, 10],
    ['is at most max_shards', { sending: 900 }, 50],
    ['stays while nothing was sent', { shards: 3, outRate: 0 }, 3],
  ])('%s', (_, change, shards) => {
    expect(desiredShards({ ...demand, ...change }).shards).toBe(shards)
  })

  test('follows rates that are averaged', () => {
    const rate = new Ewma()
    rate.add(100)
    rate.tick(10)
    expect(rate.rate).toBe(10)
    rate.tick(10)
    expect(rate.rate).toBe(8)
  })
})

describe('an answer', () => {
  const judge = (
    protocol: '1.0' | '2.0',
    status: number,
    headers: Record<string, string> = {},
    retryOn429 = true,
  ) => judgeAnswer(protocol, { status, headers, body: Buffer.from('why\nnot') }, retryOn429, 0)
  const written = { 'x-prometheus-remote-write-samples-written': '3' }
  const NOTHING = { 'x-prometheus-remote-write-samples-written': '0' }
  const WAIT = { kind: 'retry', reason: '503: why', afterMs: 300_000, mayBeContent: false } as const

  test.each([
    ['1.0', 204, {}, { kind: 'stored', written: null, had: 0 }],
    [
      '2.0',
      204,
      written,
      { kind: 'stored', written: { samples: 3, histograms: 0, exemplars: 0 }, had: 0 },
    ],
    ['2.0', 204, {}, { kind: 'protocol' }],
    ['2.0', 415, {}, { kind: 'protocol' }],
    [
      '2.0',
      400,
      written,
      { kind: 'stored', written: { samples: 3, histograms: 0, exemplars: 0 }, had: 0 },
    ],
    ['2.0', 400, {}, { kind: 'refused', reason: '400: why', isWhole: false, had: 0 }],
    ['1.0', 400, {}, { kind: 'refused', reason: '400: why', isWhole: false, had: 0 }],
    ['1.0', 413, {}, { kind: 'tooLarge', reason: '413: why' }],
    ['1.0', 415, {}, { kind: 'refused', reason: '415: why', isWhole: true, had: 0 }],
    ['2.0', 401, {}, { kind: 'refused', reason: '401: why', isWhole: true, had: 0 }],
    ['1.0', 500, {}, { kind: 'retry', reason: '500: why', afterMs: null, mayBeContent: true }],
    [
      '1.0',
      503,
      { 'retry-after': '2' },
      { kind: 'retry', reason: '503: why', afterMs: 2000, mayBeContent: false },
    ],
    [
      '1.0',
      503,
      { 'retry-after': 'Thu, 01 Jan 1970 00:00:03 GMT' },
      { kind: 'retry', reason: '503: why', afterMs: 3000, mayBeContent: false },
    ],
    ['1.0', 429, {}, { kind: 'retry', reason: '429: why', afterMs: null, mayBeContent: false }],
    ['1.0', 301, {}, { kind: 'retry', reason: '301: why', afterMs: null, mayBeContent: false }],
    ['2.0', 413, NOTHING, { kind: 'tooLarge', reason: '413: why' }],
    [
      '2.0',
      400,
      NOTHING,
      { kind: 'stored', written: { samples: 0, histograms: 0, exemplars: 0 }, had: 0 },
    ],
    ['1.0', 503, { 'retry-after': '99999999' }, WAIT],
    ['1.0', 503, { 'retry-after': '99999999999999999999' }, WAIT],
    ['1.0', 503, { 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT' }, WAIT],
    [
      '1.0',
      302,
      { location: '/login' },
      {
        kind: 'retry',
        reason: '302: redirect to /login: set that URL',
        afterMs: null,
        mayBeContent: false,
      },
    ],
  ] as const)('protocol %s, status %i with %j', (protocol, status, headers, answer) => {
    expect(judge(protocol, status, headers)).toEqual(answer)
  })

  test('a receiver says of how many samples it has newer ones', () => {
    const lines = [
      'out of order sample for series {__name__="a"}',
      'duplicate sample for timestamp for series {__name__="b"}',
      'invalid metric name or labels, got {}',
      'out of bounds for series {__name__="c"}',
      'out of order exemplar for series {__name__="d"}',
    ]
    const body = Buffer.from(lines.join('\n'))
    expect(judgeAnswer('2.0', { status: 400, headers: written, body }, true, 0)).toMatchObject({
      kind: 'stored',
      had: 2,
    })
    expect(judgeAnswer('1.0', { status: 400, headers: {}, body }, true, 0)).toMatchObject({
      kind: 'refused',
      had: 2,
    })
  })

  test('a receiver without native histograms says so with 500', () => {
    const body = Buffer.from('native histograms are disabled\n')
    for (const protocol of ['1.0', '2.0'] as const)
      expect(judgeAnswer(protocol, { status: 500, headers: {}, body }, true, 0)).toEqual({
        kind: 'histograms',
        reason: '500: native histograms are disabled',
      })
  })

  test('429 is final if the configuration says so', () => {
    expect(judge('1.0', 429, {}, false).kind).toBe('refused')
  })
})
