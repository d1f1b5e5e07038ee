import { describe, expect, test } from 'vitest'
import { oneStep } from '../../../shared/base/steps.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { encodeLayout } from '../../../shared/snapshot/layout.js'
import { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import { counterOf } from './layouts.js'

const layouts = Array.from({ length: 400 }, (_, i) =>
  encodeLayout({ families: [counterOf(1, `family${i}`)] }),
)
const [a, b, c] = layouts

/** A cache in which each layout has one byte; `built` lists the built layouts. */
function cacheOf(maxBytes: number) {
  const built: string[] = []
  const cache = new LayoutCache({
    maxBytes,
    build: (_, id) =>
      oneStep(() => {
        built.push(id)
        return { id, bytes: 1, holders: 0 }
      }),
  })
  return { cache, built }
}

const reasonOf = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return error instanceof RefusedError ? error.reason : error
  }
}

describe('the layout cache', () => {
  test('builds a layout once and returns the same object to all', () => {
    const { cache, built } = cacheOf(10)
    expect(cache.get(a.id)).toBeUndefined()
    const first = cache.intern(a.id, a.compressed)
    expect(cache.intern(a.id, a.compressed)).toBe(first)
    expect(cache.get(a.id)).toBe(first)
    expect(built).toEqual([a.id])
    expect([cache.size, cache.bytes]).toEqual([1, 1])
  })

  test('evicts the least recently used layout for a new one, never one in use', () => {
    const { cache } = cacheOf(2)
    cache.acquire(cache.intern(a.id, a.compressed))
    const unused = cache.intern(b.id, b.compressed)
    cache.acquire(unused)
    cache.release(unused)
    expect([cache.bytes, cache.bytesInUse]).toEqual([2, 1])
    cache.intern(c.id, c.compressed)
    expect(cache.get(a.id)).toBeDefined()
    expect(cache.get(b.id)).toBeUndefined()
    expect(cache.get(c.id)).toBeDefined()
    expect(cache.bytes).toBe(2)
  })

  test('refuses a layout that does not fit beside those in use, without evicting any', () => {
    const { cache } = cacheOf(2)
    const first = cache.intern(a.id, a.compressed)
    cache.acquire(first)
    cache.acquire(cache.intern(b.id, b.compressed))
    expect(reasonOf(() => cache.intern(c.id, c.compressed))).toBe('limit')
    expect([cache.get(a.id)?.id, cache.get(b.id)?.id]).toEqual([a.id, b.id])
    cache.release(first)
    expect(cache.intern(c.id, c.compressed).id).toBe(c.id)
  })

  test('keeps a layout in use until it is released as often as acquired', () => {
    const { cache } = cacheOf(1)
    const first = cache.intern(a.id, a.compressed)
    cache.acquire(first)
    cache.acquire(first)
    cache.release(first)
    expect(reasonOf(() => cache.intern(b.id, b.compressed))).toBe('limit')
    cache.release(first)
    expect(() => cache.release(first)).toThrow('more often than acquired')
    cache.acquire(cache.intern(b.id, b.compressed))
    expect(reasonOf(() => cache.intern(a.id, a.compressed))).toBe('limit')
  })

  test('counts the growth of cached layouts, and ignores evicted ones', () => {
    const { cache } = cacheOf(2)
    const first = cache.intern(a.id, a.compressed)
    cache.grow(first, 1)
    expect([cache.bytes, cache.bytesInUse]).toEqual([2, 0])
    first.bytes = 2
    cache.acquire(first)
    first.bytes = 5
    cache.grow(first, 3)
    expect([cache.bytes, cache.bytesInUse]).toEqual([5, 5])
    cache.release(first)
    cache.intern(b.id, b.compressed)
    cache.grow(first, 1)
    expect([cache.bytes, cache.bytesInUse]).toEqual([1, 0])
  })

  test('a layout is the same in both compressions, in any order', () => {
    const layout: Layout = { families: [counterOf(5)] }
    const gzip = encodeLayout(layout, 'gzip')
    const dictionary = encodeLayout(layout, 'dictionary')
    for (const [first, second] of [
      [gzip, dictionary],
      [dictionary, gzip],
    ]) {
      const { cache, built } = cacheOf(2)
      const kept = cache.intern(first.id, first.compressed)
      expect(cache.intern(second.id, second.compressed)).toBe(kept)
      expect(built).toHaveLength(1)
    }
  })

  test('wrong bytes with the id of a valid layout do not affect that layout', () => {
    const { cache } = cacheOf(2)
    expect(reasonOf(() => cache.intern(a.id, b.compressed))).toBe('layout')
    expect(reasonOf(() => cache.intern(a.id, Buffer.from('no gzip')))).toBe('layout')
    expect(cache.intern(a.id, a.compressed).id).toBe(a.id)
  })

  test('an invalid layout is refused each time with the same reason', () => {
    const twice = encodeLayout({ families: [counterOf(1), counterOf(1)] })
    const { cache, built } = cacheOf(2)
    expect(reasonOf(() => cache.intern(twice.id, twice.compressed))).toBe('layout')
    // Its bytes are not read again, so that refusing it repeatedly is cheap.
    expect(reasonOf(() => cache.intern(twice.id, Buffer.alloc(0)))).toBe('layout')
    expect(built).toEqual([])
  })

  test('caches a few hundred refused layouts, not all of them', () => {
    const { cache } = cacheOf(2)
    const bad = layouts.map(
      (_, i): Layout => ({ families: [counterOf(1, `f${i}`), counterOf(1, `f${i}`)] }),
    )
    const encoded = bad.map(layout => encodeLayout(layout))
    for (const { id, compressed } of encoded) {
      expect(reasonOf(() => cache.intern(id, compressed))).toBe('layout')
    }
    const messageFor = ({ id }: { id: string }) => {
      try {
        cache.intern(id, Buffer.from('no gzip'))
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(messageFor(encoded[0])).toContain('neither gzip')
    expect(messageFor(encoded[399])).toContain('appears twice')
  })
})
