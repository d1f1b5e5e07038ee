import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { readDocument, type YamlError } from '../../../../shared/base/yaml/document.mjs'
import { itemsOf } from '../../../../shared/base/yaml/items.mjs'

const problemsOf = (text: string) => {
  try {
    readDocument(text)
    return []
  } catch (error) {
    return (error as YamlError).problems
  }
}

describe('a document', () => {
  test('is the same, whether its lists are parsed item by item or not', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '- a',
        'a: b',
        '# c',
        'x\n- y',
        '  z\n\n',
        '*a',
        '&b',
        '! c',
        "'",
        '"',
        '|',
        '1',
      ),
    )
    const value = fc.letrec<{ value: unknown }>(tie => ({
      value: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        fc.boolean(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.stringMatching(/^[a-z_]{1,5}$/), tie('value'), { maxKeys: 4 }),
      ),
    })).value
    const document = fc.oneof(
      fc.array(value, { minLength: 1 }),
      fc.dictionary(fc.constantFrom('a', 'scrape_configs', 'b_c'), value, { minKeys: 1 }),
    )
    const style = fc.record({
      indent: fc.integer({ min: 1, max: 5 }),
      indentSeq: fc.boolean(),
      lineWidth: fc.constantFrom(0, 20, 80),
      defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL'),
    })
    fc.assert(
      fc.property(document, style, (written, options) => {
        const text = stringify(written, options as object)
        expect(readDocument(text)).toEqual(parse(text))
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['---\n# jobs\na:\n# one\n- x: 1\n\n  y: 2\n- z: |\n    - no item\nb: 3\n', 2],
    ['- a\n-\n  b: 1\n- - c\n  - d\n', 3],
    ['a:\n    - 1\n    # two\n  # lower\n    - 2\nb: [x]\r\n', 2],
  ])('%j is parsed item by item', (text, count) => {
    expect(itemsOf(text)?.lists[0].items).toHaveLength(count)
    expect(readDocument(text)).toEqual(parse(text))
  })

  test.each([
    'a:\n- &x {b: 1}\n- *x\n',
    'a:\n- <<: *y\n',
    'a:\n  - 1\n  b: 2\n',
    'a:\n\t- 1\n',
    '- 1\n...\n',
    'a: [1, 2]\n',
    '- 1\nb: 2\n',
  ])('%j is parsed as a whole', text => {
    expect(itemsOf(text)).toBeUndefined()
  })

  test('tells its problems with their places in the whole', () => {
    expect(problemsOf('a:\n- b: 1\n- c: "\n')).toEqual(
      problemsOf('# as a whole: &x\na:\n- b: 1\n- c: "\n').map(problem =>
        problem.replace('line 5', 'line 4'),
      ),
    )
    expect(problemsOf('a:\n- 1\na:\n- 2\n').join()).toMatch(/^Map keys must be unique/)
    expect(problemsOf('- a: 1\n- b: {c\n').join()).toMatch(/line 3/)
  })

  test('bounds what aliases repeat', () => {
    const lists = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)
    expect(problemsOf(['a0: &a0 [x]', ...lists].join('\n')).join()).toMatch(
      /^Excessive alias count/,
    )
  })
})
