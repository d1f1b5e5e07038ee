import { describe, expect, test } from 'vitest'
import { parseExposition } from './strict-exposition.js'

const EXEMPLAR = { series: 0, labels: [{ name: 'trace', value: '1' }], value: 0.5, timestamp: null }

describe('the strict parser of our expositions', () => {
  test('reads families, samples, quoted names, timestamps and exemplars', () => {
    const text = [
      '# HELP "a.b" Some \\\\ help',
      '# TYPE "a.b" histogram',
      '{"a.b_bucket",le="+Inf","x y"="q\\"}"} 3 1700000000.5 # {trace="1"} 0.5',
      '{"a.b_sum"} NaN',
      '# TYPE c counter',
      'c_total 1e+21 5',
      'c_total 2 6',
      '# EOF',
      '',
    ].join('\n')
    expect(parseExposition(text)).toEqual([
      {
        name: 'a.b',
        type: 'histogram',
        help: 'Some \\ help',
        samples: [
          { name: 'a.b_bucket', labels: { le: '+Inf', 'x y': 'q"}' }, value: 3, timestamp: 1700000000500, exemplar: EXEMPLAR }, // biome-ignore format: one line
          { name: 'a.b_sum', labels: {}, value: Number.NaN },
        ],
      },
      {
        name: 'c',
        type: 'counter',
        help: '',
        samples: [
          { name: 'c_total', labels: {}, value: 1e21, timestamp: 5000 },
          { name: 'c_total', labels: {}, value: 2, timestamp: 6000 },
        ],
      },
    ])
  })

  test.each([
    ['a last line without a line feed', '# TYPE a gauge\na 1'],
    ['lines after the end', '# EOF\n# TYPE a gauge\n'],
    ['a comment that is not HELP, TYPE or UNIT', '# TYP a gauge\n'],
    ['an unknown type', '# TYPE a info\n'],
    ['a second TYPE', '# TYPE a gauge\n# TYPE a gauge\n'],
    ['a TYPE after samples', '# HELP a x\na 1\n# TYPE a gauge\n'],
    ['a family in two groups', '# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n'],
    ['a sample before any family', 'a 1\n'],
    ['a sample of another family', '# TYPE a gauge\nb 1\n'],
    ['a series twice', '# TYPE a gauge\na{x="1",y="2"} 1\na{y="2",x="1"} 2\n'],
    ['a label twice', '# TYPE a gauge\na{x="1",x="2"} 1\n'],
    ['a label without quotes', '# TYPE a gauge\na{x=1} 1\n'],
    ['labels without a comma', '# TYPE a gauge\na{x="1"y="2"} 1\n'],
    ['labels without an end', '# TYPE a gauge\na{x="1" 1\n'],
    ['a sample without a name', '# TYPE a gauge\n{x="1"} 1\n'],
    ['a sample without a value', '# TYPE a gauge\na{x="1"}\n'],
    ['Nan, as prom-client prints it', '# TYPE a gauge\na Nan\n'],
    ['a hexadecimal value', '# TYPE a gauge\na 0x10\n'],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow()
  })
})
