import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueHeap } from '../../../exposer/remote-write/due-heap.js'
import { Progress } from '../../../exposer/remote-write/progress.js'
import { CommittedStart, commitText, readCommit } from '../../../exposer/remote-write/start.js'

test('what is committed is below every sample that is not settled, in whatever order they are', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('read' as const), items: fc.nat(3) }),
    fc.record({ do: fc.constant('settle' as const), which: fc.nat(50) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const progress = new Progress({ offset: 100, time: 0 })
      const open = new Map<() => void, number>()
      let next = 100
      for (const one of steps) {
        if (one.do === 'read') {
          for (let i = 0; i < one.items; i++)
            open.set(progress.add({ offset: next, time: next }, next), next)
          progress.read({ offset: ++next, time: next })
        } else {
          const settle = [...open.keys()][one.which % Math.max(1, open.size)]
          settle?.()
          if (settle) open.delete(settle)
        }
        expect(progress.committable.offset).toBe(Math.min(next, ...open.values()))
        expect(progress.ageMs(next)).toBe(next - Math.min(next, ...open.values()))
        expect(progress.size === 0).toBe(open.size === 0)
      }
    }),
  )
})

test('samples without a record are as old as their wait, not as the last record', () => {
  const progress = new Progress({ offset: 7, time: 1000 })
  progress.read({ offset: 8, time: 2000 })
  const settle = progress.add({ offset: 7, time: 2000 }, 60_000)
  expect(progress.ageMs(61_000)).toBe(1000)
  settle()
  expect(progress.ageMs(61_000)).toBe(0)
  progress.add({ offset: 8, time: 50_000 }, 60_000)
  expect(progress.ageMs(61_000)).toBe(11_000)
})

test('values are due in the order of their times', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.nat(100), (times, now) => {
      const heap = new DueHeap<number>()
      for (const [i, at] of times.entries()) heap.add(at, i)
      const due: number[] = []
      for (let next = heap.next(now); next; next = heap.next(now)) due.push(next.at)
      expect(due).toEqual(times.filter(at => at <= now).sort((a, b) => a - b))
      expect(heap.size).toBe(times.length - due.length)
    }),
  )
})

const now = { wall: 1_000_000, mono: 0 }
const committed = (offset: number, partitions: number) => ({
  offset,
  metadata: commitText({ time: 900_000.4, partitions }),
})

test('sending begins at the committed offset, and reading a while before it', () => {
  const start = new CommittedStart(60_000)
  expect(start.of(0, new Map([[0, committed(42, 2)]]), now)).toEqual({ since: 840_000 })
  expect(start.consume(0)).toEqual({ offset: 42, time: 900_000 })
  expect(start.consume(0)).toBeUndefined()
})

test('without a commit sending begins now; in a partition that was added, at its beginning', () => {
  const start = new CommittedStart(60_000)
  expect(start.of(1, new Map(), now)).toEqual({ since: 940_000 })
  expect(start.consume(1)).toBeNull()
  expect(start.of(1, new Map([[0, committed(42, 2)]]), now)).toEqual({ since: 940_000 })
  expect(start.consume(1)).toBeNull()
  expect(start.of(2, new Map([[0, committed(42, 2)]]), now)).toBe('earliest')
  expect(start.consume(2)).toEqual({ offset: 0, time: 0 })
})

test.each(['', 'x', 'null', '{}', '{"time":1.5,"partitions":2}', '[]'])(
  'a commit with the metadata %j is one without any',
  text => {
    expect(readCommit(text)).toBeNull()
  },
)
