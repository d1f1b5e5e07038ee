import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Feed, reassign } from '../../../shared/kafka/reading/feed.js'

const partitions = fc.uniqueArray(fc.nat(20))

function holding(...of: number[]): Map<number, Feed> {
  return new Map(
    of.map(partition => [
      partition,
      Object.assign(new Feed(partition, 'latest'), { position: 100 + partition }),
    ]),
  )
}

test('kept, fresh and lost partitions are all there are, and no partition is two of them', () => {
  fc.assert(
    fc.property(partitions, partitions, (before, after) => {
      const feeds = holding(...before)
      const { kept, fresh, lost } = reassign(feeds, after, () => 'earliest')
      expect(new Set([...kept, ...fresh])).toEqual(new Set(after))
      expect(new Set([...kept, ...lost])).toEqual(new Set(before))
      expect(new Set([...kept, ...fresh, ...lost]).size).toBe(kept.length + fresh.length + lost.length)
      expect(new Set(feeds.keys())).toEqual(new Set(after))
    }),
  )
})

test('a kept partition goes on where it was', () => {
  const feeds = holding(3)
  const feed = feeds.get(3)
  expect(reassign(feeds, [3, 4], () => 'earliest').kept).toEqual([3])
  expect(feeds.get(3)).toBe(feed)
  expect(feed!.position).toBe(103)
})

test('a partition that was lost and came back is not what was fetched for it before', () => {
  const feeds = holding(3)
  const old = feeds.get(3)
  reassign(feeds, [], () => 'earliest')
  expect(reassign(feeds, [3], () => 'earliest').fresh).toEqual([3])
  expect(feeds.get(3)).not.toBe(old)
})

test('a partition whose start was never found begins anew', () => {
  const feeds = new Map([[1, new Feed(1, { since: 5 })]])
  expect(reassign(feeds, [1], () => ({ since: 9 })).fresh).toEqual([1])
  expect(feeds.get(1)!.start).toEqual({ since: 9 })
})
