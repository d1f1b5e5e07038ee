import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Commits } from '../../../shared/kafka/group/commits.js'

const offsetsOf = (commits: Commits) =>
  Object.fromEntries([...commits.pending].map(([partition, { offset }]) => [partition, offset]))

test('only the newest position of a partition is committed', () => {
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

test('what is added while a commit is under way remains pending', () => {
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

test('what is no offset is never committed', () => {
  const commits = new Commits()
  commits.begin(0, -1)
  for (const wrong of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => commits.add(0, wrong, '')).toThrow(RangeError)
  }
  expect(commits.pending.size).toBe(0)
})

test('a partition that is not held is not committed', () => {
  const commits = new Commits()
  commits.add(0, 5, '')
  commits.begin(1, -1)
  commits.add(1, 5, '')
  commits.end(1)
  commits.add(1, 6, '')
  expect(commits.pending.size).toBe(0)
})

test('a late acknowledgement of an earlier tenure does not undo what others have committed', () => {
  const commits = new Commits()
  commits.begin(0, 900)
  commits.add(0, 500, '')
  expect(commits.pending.size).toBe(0)
})

test('a log that was replaced begins anew', () => {
  const commits = new Commits()
  commits.begin(0, 900)
  commits.add(0, 950, '')
  commits.begin(0, -1)
  expect(commits.pending.size).toBe(0)
  commits.add(0, 3, '')
  expect(offsetsOf(commits)).toEqual({ 0: 3 })
})

test('within a tenure what is committed never goes back, in whatever order positions come and commits end', () => {
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
          // Also a commit that fails may have reached the coordinator.
          group = sent
          if (what === 'confirm' && underWay) commits.confirm(underWay)
          underWay = undefined
        }
      }
      // Whatever failed, in the end everything is committed that was added.
      expect(commits.pending.get(0)?.offset ?? group).toBe(newest)
    }),
  )
})
