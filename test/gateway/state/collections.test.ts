import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppliedIds, ID_AGE_MS } from '../../../gateway/state/applied-ids.js'
import { ExpiryQueue } from '../../../gateway/state/expiry-queue.js'
import { HashIndex } from '../../../gateway/state/hash-index.js'
import { DONE } from '../../../gateway/state/types.js'
import { runNow } from '../../../shared/base/steps.js'

describe('hash index', () => {
  // Few tables and few hashes: collisions, and entries that move when one is removed.
  const hash = fc.integer({ min: 0, max: 40 }).map(n => ((n % 2) * 2 ** 31 + n * 8) >>> 0)
  const change = fc.record({ hash, reference: fc.nat(9), adds: fc.boolean() })

  test('has what a list of entries has after any changes', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), changes => {
        const index = new HashIndex()
        const entries: { hash: number; reference: number }[] = []
        const at = (h: number, r: number) =>
          entries.findIndex(entry => entry.hash === h && entry.reference === r)
        for (const { hash, reference, adds } of changes) {
          if (adds) {
            index.add(hash, reference)
            entries.push({ hash, reference })
          } else {
            const found = at(hash, reference)
            expect(index.remove(hash, reference)).toBe(found >= 0)
            if (found >= 0) entries.splice(found, 1)
          }
          expect(index.size).toBe(entries.length)
        }
        for (const { hash } of changes)
          for (let reference = 0; reference < 10; reference++)
            expect(index.find(hash, candidate => candidate === reference)).toBe(
              at(hash, reference) >= 0 ? reference : undefined,
            )
        for (const { hash, reference } of [...entries]) index.remove(hash, reference)
        expect(index.bytes).toBe(0)
      }),
    )
  })
})

describe('applied ids', () => {
  const idOf = (n: number) => {
    const id = Buffer.alloc(16)
    id.writeUInt32LE(n)
    return id
  }

  test('are found until they are ten minutes old, over many chunks', () => {
    const ids = new AppliedIds()
    const count = 10_000
    for (let n = 0; n < count; n++)
      ids.add({ id: idOf(n), content: n, time: n * 100, outcome: DONE })
    const now = count * 100
    runNow(ids.prune(now))
    const oldest = (now - ID_AGE_MS) / 100
    for (const n of [0, oldest - 1]) expect(ids.find(idOf(n))).toBeUndefined()
    for (const n of [oldest, 4096, 8191, 8192, count - 1])
      expect(ids.find(idOf(n))).toEqual({ id: idOf(n), content: n, time: n * 100, outcome: DONE })
    expect([...ids.all()].map(({ content }) => content)).toEqual(
      Array.from({ length: count - oldest }, (_, i) => oldest + i),
    )
    runNow(ids.prune(now + ID_AGE_MS))
    expect(ids.size).toBe(0)
    expect(ids.bytes).toBe(0)
  })

  test('a list of them does not change while others are added and removed', () => {
    fc.assert(
      fc.property(fc.nat(9000), fc.nat(9000), fc.nat(9000), (before, removed, added) => {
        const ids = new AppliedIds()
        for (let n = 0; n < before; n++)
          ids.add({ id: idOf(n), content: n, time: n, outcome: DONE })
        const all = ids.all()
        for (let n = before; n < before + added; n++)
          ids.add({ id: idOf(n), content: n, time: n, outcome: DONE })
        runNow(ids.prune(ID_AGE_MS + removed))
        let next = 0
        for (const { content } of all) if (content !== next++) throw new Error(`${content}`)
        expect(next).toBe(before)
      }),
      { numRuns: 30 },
    )
  })

  test('keep the message of a refusal', () => {
    const ids = new AppliedIds()
    const outcome = { kind: 'inconsistent', message: 'no' } as const
    ids.add({ id: idOf(1), content: 1, time: 1, outcome })
    expect(ids.find(idOf(1))?.outcome).toEqual(outcome)
  })
})

test('an expiry queue returns what is due in the order of time', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.nat(50), (times, now) => {
      const queue = new ExpiryQueue<number>()
      for (const time of times) queue.add(time, time)
      const due: number[] = []
      for (let item = queue.next(now); item !== undefined; item = queue.next(now)) due.push(item)
      expect(due).toEqual(times.filter(time => time <= now).sort((a, b) => a - b))
      expect(queue.size).toBe(times.length - due.length)
    }),
  )
})
