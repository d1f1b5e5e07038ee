import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ArrayPool, RawPool } from '../../../../exposer/core/store/pools.js'

const MiB = 1024 * 1024

describe('the pool of arrays', () => {
  test('hands out an array of the wanted length that was given, and each only once', () => {
    const pool = new ArrayPool()
    const [a, b] = [new Float64Array(3), new Float64Array(4)]
    pool.recycle(a)
    pool.recycle(b)
    expect(pool.bytes).toBe(56)
    expect(pool.reuse(5)).toBeUndefined()
    expect(pool.reuse(4)).toBe(b)
    expect(pool.reuse(4)).toBeUndefined()
    expect(pool.reuse(3)).toBe(a)
    expect(pool.bytes).toBe(0)
  })

  test('is bounded in bytes and in lengths, and keeps working when layouts change all the time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ length: fc.nat({ max: MiB }), take: fc.boolean() }), {
          size: 'max',
          maxLength: 60,
        }),
        steps => {
          const pool = new ArrayPool()
          for (const { length, take } of steps) {
            if (take) pool.reuse(length)
            else pool.recycle(new Float64Array(length))
            expect(pool.bytes).toBeGreaterThanOrEqual(0)
            expect(pool.bytes).toBeLessThanOrEqual(16 * MiB)
          }
          const last = new Float64Array(1000)
          pool.recycle(last)
          expect(pool.reuse(1000)?.length).toBe(1000)
        },
      ),
      { numRuns: 20 },
    )
    const pool = new ArrayPool()
    for (let length = 1; length < 6000; length++)
      pool.recycle(new Float64Array(length % 300 === 0 ? 1 : length))
    expect(pool.bytes).toBeLessThanOrEqual(16 * MiB)
    expect(pool.reuse(5999)).toBeDefined()
  })
})

describe('the pool of buffers', () => {
  test('copies bytes into a buffer that was given, unless that is much larger', () => {
    const pool = new RawPool()
    const large = pool.copy(Buffer.alloc(100_000, 1))
    pool.recycle(large)
    const small = pool.copy(Buffer.from('small'))
    expect(small.buffer).not.toBe(large.buffer)
    const again = pool.copy(Buffer.alloc(90_000, 2))
    expect(again.buffer).toBe(large.buffer)
    expect(again).toEqual(Buffer.alloc(90_000, 2))
    expect(small.toString()).toBe('small')
    expect(pool.bytes).toBe(0)
  })

  test('is bounded in bytes and in number', () => {
    const pool = new RawPool()
    const buffers = Array.from({ length: 100 }, (_, i) =>
      pool.copy(Buffer.alloc(i < 50 ? 10 : MiB)),
    )
    for (const buffer of buffers) pool.recycle(buffer)
    expect(pool.bytes).toBeLessThanOrEqual(4 * MiB)
  })
})
