import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonSteps } from '../../../shared/base/json-steps.js'
import { runNow } from '../../../shared/base/steps.js'
import { LongestSteps } from '../../support/longest-step.js'

const LIMITS = { values: 1000, textBytes: 100, keys: 5 }
const parse = (text: string, limits = LIMITS) => runNow(parseJsonSteps(Buffer.from(text), limits))
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))

describe('JSON in steps', () => {
  test('is what JSON.parse makes of any document', () => {
    const limits = { values: 1e6, textBytes: 1e6, keys: 1e6 }
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 2, '\t'), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent)
        expect(plain(parse(spaced, limits))).toEqual(plain(JSON.parse(text)))
      }),
    )
  })

  test('refuses what JSON.parse refuses', () => {
    const document = '{"a":[1,-2.5e3,"x\\n\\u00e9",true,null],"b":{}}'
    const broken = fc.tuple(
      fc.nat(document.length - 1),
      fc.constantFrom('', ',', '"', ']', '{', 'e', '\\', '0', '\u0000', ':'),
    )
    fc.assert(
      fc.property(broken, ([at, inserted]) => {
        const text = document.slice(0, at) + inserted + document.slice(at + 1)
        let expected: unknown
        try {
          expected = JSON.parse(text)
        } catch {
          expect(() => parse(text)).toThrow('invalid JSON')
          return
        }
        expect(plain(parse(text))).toEqual(plain(expected))
      }),
      { numRuns: 1000 },
    )
  })

  test('has keys of any name, and changes no prototype', () => {
    const parsed = parse('{"__proto__":{"a":1}}') as Record<string, unknown>
    expect(Object.keys(parsed)).toEqual(['__proto__'])
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })

  test.each([
    ['values', `[${'1,'.repeat(1000)}1]`, 'more than 1000 values'],
    ['levels', '['.repeat(100_000), 'more than 64 levels'],
    ['keys', '{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', 'more than 5 keys'],
    ['bytes of a text', `["${'x'.repeat(101)}", 1]`, 'a text is longer than 100 bytes'],
  ])('refuses too many %s', (_, text, problem) => {
    expect(() => parse(text)).toThrow(problem)
  })

  test('takes steps of well under 10 ms, also for a large document', () => {
    const group = { targets: Array.from({ length: 50_000 }, (_, i) => `host-${i}.example:9100`) }
    const body = Buffer.from(JSON.stringify([group, group]))
    const steps = new LongestSteps()
    for (let i = 0; i < 3; i++) {
      steps.restart()
      steps.run(parseJsonSteps(body, { values: 1e6, textBytes: 1e6, keys: 1e6 }))
    }
    expect(steps.ms, steps.longest).toBeLessThan(5)
  })
})
