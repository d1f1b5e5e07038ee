import { setMaxListeners } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Changes } from '../../exposer/group/changes.js'
import { completeAnswers } from '../../exposer/group/peers.js'
import { mergeInSlices, sortInSlices } from '../../shared/base/slices.js'

describe('changes', () => {
  const never = new AbortController().signal
  setMaxListeners(0, never)

  test('resume waiting requests in order of arrival, and not all in one turn', async () => {
    const changes = new Changes()
    const woken: number[] = []
    const waits = Array.from({ length: 100 }, (_, i) =>
      changes.next(60_000, never).then(() => woken.push(i)),
    )
    changes.notify()
    await waits[0]
    expect(woken.length).toBeLessThan(100)
    await Promise.all(waits)
    expect(woken).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  test('end a wait also at its deadline, when it is aborted, and when they are closed', async () => {
    const changes = new Changes()
    await changes.next(1, never)
    await changes.next(60_000, AbortSignal.abort())
    const waiting = changes.next(60_000, never)
    changes.close()
    await waiting
    await changes.next(60_000, never)
    expect(changes.waiting).toBe(0)
  })
})

describe('the answers of the shards are a complete list', () => {
  const answer = (address: string, ...partitions: number[]) => ({ address, partitions, lines: [] })

  test('if each partition is in one answer', () => {
    const answers = [answer('a', 0, 2), answer('b', 1)]
    expect(completeAnswers(answers, 3)).toEqual(answers)
  })

  test('and in no other case', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 }), { maxLength: 4 }),
        (count, shards) => {
          const spoken = shards.flat()
          const known = spoken.every(p => p < count)
          const exact = known && spoken.length === count && new Set(spoken).size === count
          const answers = shards.map((partitions, i) => answer(String(i), ...partitions))
          expect('pending' in completeAnswers(answers, count)).toBe(!exact)
        },
      ),
    )
  })

  test('a shard that does not answer is named with the error', () => {
    const failed = { address: 'http://b:1', error: 'ECONNREFUSED' }
    expect(completeAnswers([answer('a', 0), failed], 2)).toEqual({
      pending: 'shard http://b:1 does not answer: ECONNREFUSED',
    })
  })
})

test('slices sort and merge as sorting at once does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string(), { maxLength: 3000 }),
      fc.integer({ min: 1, max: 5 }),
      async (lines, k) => {
        expect(await sortInSlices(lines)).toEqual([...lines].sort())
        const lists = Array.from({ length: k }, (_, i) =>
          lines.filter((_, j) => j % k === i).sort(),
        )
        expect(await mergeInSlices(lists)).toEqual([...lines].sort())
      },
    ),
    { numRuns: 30 },
  )
})
