import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Commits } from '../../../shared/kafka/group/commits.js'

const offsetsOf = (commits: Commits) =>
  Object.fromEntries([...commits.pending].map(([partition, { offset }]) => [partition, offset]))

test('only the newest offset of a partition is committed', () => {
  const commits = new Commits()
  commits.begin(0, -1)
  commits.begin(1, -1)
  commits.add(0, 5, 'a')
  commits.add(1, 7, '')
  commits.add(0, 6, 'b')
  expect([...commits.pending]).toEqual([
    [0, { offset: 6, metadata: 'b' }],
    [1, { offset: 7, metadata: '' }],
  ])
})

test('an offset that is added during a commit remains pending', () => {
  const commits = new Commits()
  commits.begin(0, -1)
  commits.add(0, 5, '')
  const underWay = commits.pending
  commits.add(0, 6, '')
  commits.confirm(underWay)
  expect(offsetsOf(commits)).toEqual({ 0: 6 })
  commits.confirm(commits.pending)
  expect(commits.pending.size).toBe(0)
})

test('a value that is not an offset is never committed', () => {
  const commits = new Commits()
  commits.begin(0, -1)
  for (const wrong of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => commits.add(0, wrong, '')).toThrow(RangeError)
  }
  expect(commits.pending.size).toBe(0)
})

test('offsets of partitions that are not held are not committed', () => {
  const commits = new Commits()
  commits.add(0, 5, '')
  commits.begin(1, -1)
  commits.add(1, 5, '')
  commits.end(1)
  commits.add(1, 6, '')
  expect(commits.pending.size).toBe(0)
})

test('a late acknowledgement of an earlier assignment does not rewind the commits of other members', () => {
  const commits = new Commits()
  commits.begin(0, 900)
  commits.add(0, 500, '')
  expect(commits.pending.size).toBe(0)
})

test('offsets start anew when the log was replaced', () => {
  const commits = new Commits()
  commits.begin(0, 900)
  commits.add(0, 950, '')
  commits.begin(0, -1)
  expect(commits.pending.size).toBe(0)
  commits.add(0, 3, '')
  expect(offsetsOf(commits)).toEqual({ 0: 3 })
})

test('committed offsets never decrease while a partition is held, in any order of offsets and commits', () => {
  const step = fc.oneof(
    fc.record({ add: fc.nat(100) }),
    fc.constant('send' as const),
    fc.constant('confirm' as const),
    fc.constant('fail' as const),
  )
  fc.assert(
    fc.property(fc.integer({ min: -1, max: 50 }), fc.array(step), (floor, steps) => {
      const commits = new Commits()
      commits.begin(0, floor)
      let underWay: Commits['pending'] | undefined
      let group = floor
      let newest = floor
      for (const what of steps) {
        if (typeof what === 'object') {
          commits.add(0, what.add, '')
          newest = Math.max(newest, what.add)
        } else if (what === 'send') underWay ??= commits.pending
        else {
          const sent = underWay?.get(0)?.offset ?? group
          expect(sent).toBeGreaterThanOrEqual(group)
          // A failed commit may have reached the coordinator too.
          group = sent
          if (what === 'confirm' && underWay) commits.confirm(underWay)
          underWay = undefined
        }
      }
      // Despite failures, the newest offset is committed or pending in the end.
      expect(commits.pending.get(0)?.offset ?? group).toBe(newest)
    }),
  )
})
