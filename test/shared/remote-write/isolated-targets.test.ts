import { beforeEach, describe, expect, test } from 'vitest'
import { IsolatedTargets } from '../../../shared/remote-write/isolated-targets.js'
import type { WriteItem } from '../../../shared/remote-write/item.js'

const settled: string[] = []
const dropped: [target: string, samples: number][] = []
beforeEach(() => {
  settled.length = dropped.length = 0
})

const item = (target: string, name: string, samples: number, isCancelled = () => false) =>
  ({
    target,
    samples,
    series: samples,
    get isCancelled() {
      return isCancelled()
    },
    settle: () => settled.push(name),
  }) as unknown as WriteItem

const LIMIT_MS = 60_000
const setUp = (limitMs = LIMIT_MS) =>
  new IsolatedTargets({
    capacity: 100,
    minBackoffMs: 100,
    maxBackoffMs: 10_000,
    limitMs,
    onDropped: (target, samples) => dropped.push([target, samples]),
  })

/** One attempt when it is due. @returns its time, monotonic ms */
function attempt(
  isolated: IsolatedTargets,
  error: string | null,
  stored: number,
  failed = 0,
): number {
  const at = isolated.dueAt
  const next = isolated.next(at, 50, { stored, failed })
  if (next) isolated.answered(next.piece, error, at, { stored, failed })
  return at
}

const outcomes = (stored: number) => ({ stored, failed: 0 })

const waiting = (one: WriteItem, since = 0) => ({ item: one, since, from: 0 })

describe('isolated targets', () => {
  test('are sent in order, item by item, until nothing of them waits', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 70)), waiting(item('a', 'a2', 5))], 0, outcomes(0))
    expect(isolated.dueAt).toBe(100)
    expect(isolated.next(99, 50, outcomes(0))).toBeNull()
    const first = isolated.next(100, 50, outcomes(0))!
    expect([first.piece.from, first.piece.to]).toEqual([0, 50])
    expect(isolated.answered(first.piece, null, 100, outcomes(1))).toBe(false)
    const rest = isolated.next(100, 50, outcomes(0))!
    expect([rest.piece.from, rest.piece.to]).toEqual([50, 70])
    expect(isolated.answered(rest.piece, null, 100, outcomes(2))).toBe(false)
    isolated.push(item('a', 'a3', 5), 100)
    const second = isolated.next(100, 50, outcomes(0))!
    expect(isolated.answered(second.piece, null, 100, outcomes(3))).toBe(false)
    const third = isolated.next(100, 50, outcomes(0))!
    expect(isolated.answered(third.piece, null, 100, outcomes(4))).toBe(true)
    expect(settled).toEqual(['a1', 'a2', 'a3'])
    expect([isolated.size, isolated.samples, isolated.has('a')]).toEqual([0, 0, false])
    expect(dropped).toEqual([])
  })

  test('give nothing up while the receiver stores nothing, however long', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    while (attempt(isolated, '500', 0) < 100 * LIMIT_MS);
    expect(isolated.hasRoom('a')).toBe(false)
    expect(dropped).toEqual([])
    expect(isolated.example).toMatchObject({ target: 'a', error: '500' })
  })

  test('give up what is older than the limit, when others were stored all the time', () => {
    const isolated = setUp()
    isolated.add(
      'a',
      [waiting(item('a', 'a1', 10)), waiting(item('a', 'a2', 20), 40_000)],
      0,
      outcomes(0),
    )
    let stored = 0
    let at = 0
    while (dropped.length === 0) at = attempt(isolated, '500', ++stored)
    expect(at).toBeGreaterThanOrEqual(LIMIT_MS)
    expect(at).toBeLessThan(LIMIT_MS + 10_001)
    expect(dropped).toEqual([['a', 10]])
    expect(settled).toEqual(['a1'])
    while (dropped.length === 1) at = attempt(isolated, '500', ++stored)
    expect(at).toBeLessThan(40_000 + LIMIT_MS + 10_001)
    expect(isolated.has('a')).toBe(false)
    expect(isolated.dueAt).toBe(Number.POSITIVE_INFINITY)
  })

  test('give up the oldest samples rather than hold back other targets', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 60))], 0, outcomes(0))
    attempt(isolated, '500', 1)
    isolated.push(item('a', 'a2', 40), 200)
    expect(isolated.isFull).toBe(true)
    expect(isolated.hasRoom('a')).toBe(true)
    isolated.push(item('a', 'a3', 30), 300)
    expect(dropped).toEqual([['a', 60]])
    expect(isolated.samples).toBe(70)
  })

  test('hold nothing back when no other target has sent anything since the last attempt', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    attempt(isolated, '500', 1)
    for (let i = 0; i < 5; i++) attempt(isolated, '500', 1)
    expect(isolated.hasRoom('a')).toBe(true)
  })

  test('are kept when others fail as well, until one is stored', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    attempt(isolated, '500', 1)
    attempt(isolated, '500', 1, 1)
    attempt(isolated, '500', 1, 1)
    expect(isolated.hasRoom('a')).toBe(false)
    attempt(isolated, '500', 2, 1)
    expect(isolated.hasRoom('a')).toBe(true)
  })

  test('without a limit hold everything back before anything is lost', () => {
    const isolated = setUp(0)
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    let stored = 0
    while (attempt(isolated, '500', ++stored) < 100 * LIMIT_MS);
    expect(isolated.hasRoom('a')).toBe(false)
    expect(dropped).toEqual([])
  })

  test('give up the oldest samples for another target, of those that fail while others are stored', () => {
    const isolated = setUp()
    const older = [waiting(item('a', 'a1', 50)), waiting(item('a', 'a2', 30), 5)]
    isolated.add('a', older, 0, outcomes(0))
    isolated.add('b', [waiting(item('b', 'b1', 40), 3)], 0, outcomes(0))
    expect(isolated.makeRoom()).toBe(true)
    expect(dropped).toEqual([])
    attempt(isolated, '500', 1)
    attempt(isolated, '500', 1)
    expect(isolated.makeRoom()).toBe(true)
    // The first of them already when it had failed: there was more than the capacity.
    expect(dropped).toEqual([['a', 50]])
    isolated.add('c', [waiting(item('c', 'c1', 60), 9)], 10, outcomes(1))
    expect(isolated.makeRoom()).toBe(true)
    expect(dropped.slice(1)).toEqual([['b', 40]])
    expect(isolated.has('b')).toBe(false)
  })

  test('give nothing up for an attempt that began before others were stored', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    isolated.push(item('a', 'a2', 10), 50)
    const { piece } = isolated.next(100, 50, outcomes(0))!
    isolated.answered(piece, 'timeout', 5000, outcomes(7))
    expect(dropped).toEqual([])
    expect(isolated.makeRoom()).toBe(true)
    expect(dropped).toEqual([])
  })

  test('take another target beyond their capacity while nothing is stored, twice of it', () => {
    const isolated = setUp()
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    expect(isolated.makeRoom()).toBe(true)
    isolated.add('b', [waiting(item('b', 'b1', 100))], 0, outcomes(0))
    expect(isolated.makeRoom()).toBe(false)
    expect(dropped).toEqual([])
    // What is beyond it is given up as soon as the receiver stores others.
    isolated.push(item('a', 'a2', 10), 50)
    attempt(isolated, '500', 1)
    expect(dropped).toEqual([
      ['a', 100],
      ['a', 10],
    ])
    expect(isolated.samples).toBe(100)
  })

  test('without a limit take no other target when their capacity is reached', () => {
    const isolated = setUp(0)
    isolated.add('a', [waiting(item('a', 'a1', 100))], 0, outcomes(0))
    expect(isolated.makeRoom()).toBe(false)
    expect(dropped).toEqual([])
  })

  test('are in flight at the same time, but each of them once', () => {
    const isolated = setUp()
    for (const target of ['a', 'b'])
      isolated.add(
        target,
        [waiting(item(target, `${target}1`, 1)), waiting(item(target, `${target}2`, 1))],
        0,
        outcomes(0),
      )
    const first = isolated.next(100, 50, outcomes(0))!
    const second = isolated.next(100, 50, outcomes(0))!
    expect([first.piece.item.target, second.piece.item.target]).toEqual(['a', 'b'])
    expect(isolated.next(100, 50, outcomes(0))).toBeNull()
    expect(isolated.dueAt).toBe(Number.POSITIVE_INFINITY)
    isolated.answered(second.piece, null, 110, outcomes(1))
    expect(isolated.next(110, 50, outcomes(0))!.piece.item.target).toBe('b')
    expect(settled).toEqual(['b1'])
  })

  test('are tried in turn, and those of another process are not sent', () => {
    const isolated = setUp()
    let isLost = false
    isolated.add('a', [waiting(item('a', 'a1', 1, () => isLost))], 0, outcomes(0))
    isolated.add('b', [waiting(item('b', 'b1', 1))], 0, outcomes(0))
    const tried: string[] = []
    for (let i = 0; i < 4; i++) {
      const at = isolated.dueAt
      const { piece } = isolated.next(at, 50, outcomes(0))!
      tried.push(piece.item.target)
      isolated.answered(piece, '500', at, outcomes(0))
    }
    expect(tried).toEqual(['a', 'b', 'a', 'b'])
    isLost = true
    const { piece } = isolated.next(100_000, 50, outcomes(0))!
    expect(piece.item.target).toBe('b')
    expect(settled).toEqual(['a1'])
    expect(isolated.size).toBe(1)
  })
})
