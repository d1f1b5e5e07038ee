import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FetchState, reassign } from '../../../shared/kafka/reading/fetch-state.js'

const partitions = fc.uniqueArray(fc.nat(20))

function holding(...of: number[]): Map<number, FetchState> {
  return new Map(
    of.map(partition => [
      partition,
      Object.assign(new FetchState(partition, 'latest'), { position: 100 + partition }),
    ]),
  )
}

test('every partition is either kept, fresh or lost', () => {
  fc.assert(
    fc.property(partitions, partitions, (before, after) => {
      const states = holding(...before)
      const { kept, fresh, lost } = reassign(states, after, () => 'earliest')
      expect(new Set([...kept, ...fresh])).toEqual(new Set(after))
      expect(new Set([...kept, ...lost])).toEqual(new Set(before))
      expect(new Set([...kept, ...fresh, ...lost]).size).toBe(
        kept.length + fresh.length + lost.length,
      )
      expect(new Set(states.keys())).toEqual(new Set(after))
    }),
  )
})

test('a kept partition keeps its position', () => {
  const states = holding(3)
  const state = states.get(3)
  expect(reassign(states, [3, 4], () => 'earliest').kept).toEqual([3])
  expect(states.get(3)).toBe(state)
  expect(state!.position).toBe(103)
})

test('a partition that is lost and assigned again gets a new fetch state', () => {
  const states = holding(3)
  const old = states.get(3)
  reassign(states, [], () => 'earliest')
  expect(reassign(states, [3], () => 'earliest').fresh).toEqual([3])
  expect(states.get(3)).not.toBe(old)
})

test('a partition whose start is not located yet is kept with its start', () => {
  const states = new Map([[1, new FetchState(1, { since: 5 })]])
  expect(reassign(states, [1], () => ({ since: 9 })).kept).toEqual([1])
  expect(states.get(1)!.start).toEqual({ since: 5 })
})

test('partitions that others may have owned meanwhile start anew', () => {
  const states = holding(1, 2)
  const old = states.get(1)
  expect(reassign(states, [1, 3], () => ({ since: 9 }), false)).toEqual({
    kept: [],
    fresh: [1, 3],
    lost: [2],
  })
  expect(states.get(1)).not.toBe(old)
})
