import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Regex } from '../../../../shared/metrics/relabel/regex.js'

/** Expressions that JavaScript and RE2 read alike. Groups are not compared: loops set them apart. */
const leaf = fc.constantFrom('a', 'b', 'é', '😀', '.', '[ab]', '[^a]', '\\d', '\\.', 'x', '^', '$')
const { expression } = fc.letrec<{ expression: string }>(tie => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => a + b),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('expression'), fc.constantFrom('*', '+', '?', '*?', '{2}', '{1,2}', '{0,}'))
      .map(([inner, count]) => `(${inner})${count}`),
  ),
}))
const text = fc
  .array(fc.constantFrom('a', 'b', 'é', '😀', '1', '.', 'x', '\n'), { maxLength: 8 })
  .map(parts => parts.join(''))

describe('a regular expression', () => {
  test('matches what JavaScript matches', () => {
    fc.assert(
      fc.property(expression, fc.array(text, { maxLength: 5 }), (source, texts) => {
        const ours = new Regex(source)
        const theirs = new RegExp(`^(?:${source})$`, 'su')
        for (const one of texts) expect(ours.test(one)).toBe(theirs.test(one))
      }),
      { numRuns: 500 },
    )
  })
})
