import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareUtf8, sortLabels } from '../../../shared/metrics/labels.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { targetKey } from '../../../shared/snapshot/key.js'

const text = fc.string({ unit: 'binary', maxLength: 6 })
const reasonOf = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return error instanceof RefusedError ? error.reason : error
  }
}

describe('the order of labels', () => {
  test('is the order of the UTF-8 bytes of their names, also beyond U+FFFF', () => {
    expect(compareUtf8('\u{ffff}', '\u{10000}')).toBeLessThan(0) // in UTF-16 the order is reversed
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
  })

  test('is applied to an object or an array of labels, without changing the array', () => {
    const list = [
      { name: 'job', value: 'a' },
      { name: 'instance', value: 'b' },
    ]
    expect(sortLabels(list).map(l => l.name)).toEqual(['instance', 'job'])
    expect(list[0].name).toBe('job')
    expect(sortLabels({ job: 'a', instance: 'b' })).toEqual(sortLabels(list))
  })
})

describe('the key of a target', () => {
  test('is name NUL value NUL of its sorted labels', () => {
    const key = targetKey([
      { name: 'job', value: 'größe' },
      { name: 'instance', value: 'a:1' },
    ])
    expect(key).toEqual(Buffer.from('instance\0a:1\0job\0größe\0'))
  })

  test('differs between different targets', () => {
    const labels = fc.dictionary(
      fc.constantFrom('a', 'b', 'ab', 'c'),
      fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'c'),
    )
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        const same = JSON.stringify(sortLabels(a)) === JSON.stringify(sortLabels(b))
        const key = (target: Record<string, string>) =>
          targetKey(sortLabels({ ...target, job: 'j' }))
        expect(key(a).equals(key(b))).toBe(same)
      }),
    )
  })

  test('is refused for a NUL, a duplicate label, and a missing or empty job', () => {
    const job = { name: 'job', value: 'j' }
    expect(reasonOf(() => targetKey([job, { name: 'a', value: 'x\0y' }]))).toBe('key')
    expect(reasonOf(() => targetKey([job, { name: 'a\0', value: 'x' }]))).toBe('key')
    expect(reasonOf(() => targetKey([job, job]))).toBe('key')
    expect(reasonOf(() => targetKey([{ name: 'instance', value: 'x' }]))).toBe('key')
    expect(reasonOf(() => targetKey([{ name: 'job', value: '' }]))).toBe('key')
  })
})
