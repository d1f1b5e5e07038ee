import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../../shared/metrics/limits.js'
import type { TextDialect } from '../../../../shared/metrics/text/dialect.js'
import { formatOf, TextReader } from '../../../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../../../shared/metrics/text/refusal.js'
import { spellAll } from './spelling.js'

const read = (text: string, dialect: TextDialect = 'scrape') =>
  new TextReader(dialect).read(Buffer.from(text))

const refusalOf = (attempt: () => unknown): ExpositionRefused => {
  try {
    attempt()
  } catch (error) {
    if (error instanceof ExpositionRefused) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('an exposition', () => {
  test('has its families in the order in which they are named, and one column of values', () => {
    const page = `# HELP a Text.
# TYPE h histogram
h_bucket{le="+Inf",code="200"} 4
b 1
h_sum{code="200"} 2.5
# TYPE a gauge
a{z="1",b="2"} 3
`
    expect(read(page)).toEqual({
      families: [
        {
          name: 'a',
          type: 'gauge',
          help: 'Text.',
          unit: '',
          series: [{ suffix: '', labels: [{ name: 'b', value: '2' }, { name: 'z', value: '1' }] }], // biome-ignore format: one line
        },
        {
          name: 'h',
          type: 'histogram',
          help: '',
          unit: '',
          series: [
            { suffix: '_bucket', labels: [{ name: 'code', value: '200' }, { name: 'le', value: '+Inf' }] }, // biome-ignore format: one line
            { suffix: '_sum', labels: [{ name: 'code', value: '200' }] },
          ],
        },
        { name: 'b', type: 'unknown', help: '', unit: '', series: [{ suffix: '', labels: [] }] },
      ],
      values: Float64Array.of(3, 4, 2.5, 1),
      timestamps: null,
      exemplars: null,
      omitted: new Map(),
    })
  })

  test('has timestamps in Unix milliseconds where one sample has one', () => {
    expect(read('a 1\nb 2 1700000000123\nc 3\n').timestamps).toEqual(
      Float64Array.of(Number.NaN, 1700000000123, Number.NaN),
    )
    expect(read('a 1 1700000000.123\n# EOF\n').timestamps).toEqual(Float64Array.of(1700000000123))
    expect(read('a 1 1.001\n# EOF\n').timestamps).toEqual(Float64Array.of(1001))
  })

  test('has its exemplars by the index of their series in the order of the families', () => {
    const page = `# TYPE b counter
# TYPE a counter
a_total{l="x"} 1 # {trace="1"} 0.5 1.5
b_total 2 # {} 3
a_total{l="y"} 1 100
# EOF
`
    expect(read(page).exemplars).toEqual([
      { series: 0, labels: [], value: 3, timestamp: null },
      { series: 1, labels: [{ name: 'trace', value: '1' }], value: 0.5, timestamp: 1500 },
    ])
  })

  test('without a format is OpenMetrics when its last line is # EOF', () => {
    expect(
      ['a 1\n# EOF\n', 'a 1\n# EOF', '# EOF', '# EOF\n'].map(text => formatOf(Buffer.from(text))),
    ).toEqual(Array(4).fill('openmetrics'))
    const others = ['', 'a 1\n', '# EOF\na 1\n', 'a 1# EOF', '# EOF\n\n', '# EOF \n', 'x# EOF\n']
    expect(others.map(text => formatOf(Buffer.from(text)))).toEqual(others.map(() => 'text'))
  })

  test('is read by its format alone, whatever its end says', () => {
    const reader = new TextReader('scrape')
    const page = Buffer.from('a  1\n# EOF\n')
    expect(spellAll(reader.read(page, 'text'))).toEqual(['a{} 1'])
    expect(() => reader.read(page, 'openmetrics')).toThrow(ExpositionRefused)
  })

  test('counts what it does not contain, by reason', () => {
    const long = `a_total 1 # {t="${'x'.repeat(200)}"} 1\n`
    expect(read('a 1\na 2\na{} 3\nb 1\n').omitted).toEqual(new Map([['repeated_series', 2]]))
    expect(read(`# TYPE a counter\n${long}# EOF\n`)).toMatchObject({
      exemplars: null,
      omitted: new Map([['exemplar_too_long', 1]]),
    })
    expect(read('# TYPE h histogram\nh 1\nh_bucket 2\n', 'push').omitted).toEqual(
      new Map([['no_le', 2]]),
    )
  })

  test('has the newest sample of a series', () => {
    const samples = ['a 1 100', 'a 2 300', 'a 3 200', 'b 1', 'b 2 100', 'c 1 100', 'c 2']
    expect(spellAll(read(`${samples.join('\n')}\n`))).toEqual(['a{} 2 @300', 'b{} 1', 'c{} 2'])
  })
})

describe('a page after another', () => {
  const page = (...values: number[]) =>
    Buffer.from(
      `# HELP a Text.\n# TYPE a gauge\na{l="x"} ${values[0]}\n\n# a comment\nb{l="ü"} ${values[1]} 5\nb{m="y"} ${values[2]}\n`,
    )

  test('has the same families object as long as only numbers change', () => {
    const reader = new TextReader('scrape')
    const first = reader.read(page(1, 2, 3))
    const second = reader.read(page(-1.5e-7, Number.NaN, 1e300))
    expect(second.families).toBe(first.families)
    expect(second.values).toEqual(Float64Array.of(-1.5e-7, Number.NaN, 1e300))
    expect(second.timestamps).toEqual(Float64Array.of(Number.NaN, 5, Number.NaN))
    expect(second.values).not.toBe(first.values)
    expect(first.values).toEqual(Float64Array.of(1, 2, 3))
  })

  test.each<[string, TextDialect]>([
    ['a comment', 'scrape'],
    ['the spelling of labels', 'push'],
  ])('has the same families object when only %s changes', (_, dialect) => {
    const reader = new TextReader(dialect)
    const first = reader.read(Buffer.from('# at 12:00\na{l="x"} 1\n'))
    expect(reader.read(Buffer.from('# at 12:01\na{l="x",} 2\n')).families).toBe(first.families)
  })

  test('of OpenMetrics read strictly has the same families object, and its values are judged again', () => {
    const reader = new TextReader('openmetrics')
    const counter = (value: number) => Buffer.from(`# TYPE a counter\na_total ${value}\n# EOF\n`)
    const first = reader.read(counter(1))
    expect(reader.read(counter(2)).families).toBe(first.families)
    expect(() => reader.read(counter(-1))).toThrow('a _total cannot be negative')
  })

  test('of a push has its counts judged again', () => {
    const reader = new TextReader('push')
    const histogram = (value: number) => Buffer.from(`# TYPE h histogram\nh_count ${value}\n`)
    reader.read(histogram(1))
    expect(() => reader.read(histogram(-1))).toThrow('negative')
  })

  test('has exemplars of its own', () => {
    const reader = new TextReader('scrape')
    const counter = (rest: string) => Buffer.from(`# TYPE a counter\na_total 1${rest}\n# EOF\n`)
    const first = reader.read(counter(''))
    expect(first.exemplars).toBeNull()
    const second = reader.read(counter(' # {t="1"} 2'))
    expect(second.families).toBe(first.families)
    expect(second.exemplars).toEqual([
      { series: 0, labels: [{ name: 't', value: '1' }], value: 2, timestamp: null },
    ])
    const third = reader.read(counter(` # {t="${'x'.repeat(200)}"} 2`))
    expect(third).toMatchObject({ exemplars: null, omitted: new Map([['exemplar_too_long', 1]]) })
    expect(reader.read(counter('')).omitted).toEqual(new Map())
  })

  test.each([
    ['another label value', 'a{l="z"} 1\n'],
    ['one series more', 'a{l="x"} 1\nb 1\n'],
    ['another type', '# TYPE a gauge\na{l="x"} 1\n'],
    ['another help', '# HELP a Text.\na{l="x"} 1\n'],
  ])('has other families with %s', (_, text) => {
    const reader = new TextReader('scrape')
    const first = reader.read(Buffer.from('a{l="x"} 1\n'))
    expect(reader.read(Buffer.from(text)).families).not.toBe(first.families)
  })

  test('is read as if the refused one between had not been', () => {
    const reader = new TextReader('scrape')
    const first = reader.read(page(1, 2, 3))
    expect(() => reader.read(Buffer.from('<html>'))).toThrow(ExpositionRefused)
    expect(reader.read(page(4, 5, 6)).families).toBe(first.families)
  })

  test('may be read while another is', () => {
    const reader = new TextReader('scrape')
    const lines = (name: string, values: number) =>
      Buffer.from(
        Array.from({ length: 5000 }, (_, i) => `${name}{i="${i}"} ${values + i}\n`).join(''),
      )
    reader.read(lines('a', 0))
    const readings = [reader.readInSteps(lines('a', 1)), reader.readInSteps(lines('b', 2))]
    const results: string[][] = []
    for (let i = 0; results.length < 2; i++) {
      const { done, value } = readings[i % 2].next()
      if (done && value) results.push(spellAll(value))
    }
    const alone = ['a', 'b'].map((name, i) =>
      spellAll(new TextReader('scrape').read(lines(name, i + 1))),
    )
    expect(results.sort()).toEqual(alone.sort())
  })

  test('does not depend on the buffer of the page before', () => {
    const reader = new TextReader('scrape')
    const buffer = page(1, 2, 3)
    const first = reader.read(buffer)
    buffer.fill(0)
    expect(reader.read(page(4, 5, 6)).families).toBe(first.families)
    expect(reader.retainedBytes).toBe(page(1, 2, 3).length + 3 * 12)
  })
})

describe('a refusal', () => {
  test.each<[string, string, number, string]>([
    ['a{l="x} 1\n', 'syntax', 1, 'no closing quotation mark'],
    ['a 1\nb\n', 'value', 2, 'the end of the line is not a number'],
    [
      'a 1\n\n\nb x\n',
      'value',
      4,
      '"x" is not a number; write a decimal number, +Inf, -Inf or NaN',
    ],
    ['a{l="x\ny"} 1\nb\n', 'value', 3, 'is not a number'],
    [
      '# HELP a x\n# TYPE a y\n',
      'metadata',
      2,
      'write one of counter, gauge, histogram, summary, untyped',
    ],
    ['# TYPE 1 gauge\n', 'metadata', 1, 'expected a metric name after TYPE, found "1 gauge"'],
    ['a 1 x\n', 'timestamp', 1, 'write Unix milliseconds'],
    ['a{l="x",l="y"} 1\n', 'duplicate', 1, 'label "l" occurs twice'],
    ['{l="x"} 1\n', 'name', 1, 'no metric name'],
    ['<html>\n', 'syntax', 1, 'check that the page is an exposition'],
    ['a{l=1} 1\n', 'label', 1, 'write name="value"'],
    ['a 1 5 6\n', 'syntax', 1, 'unexpected "6" at the end of the line'],
  ])('of %j has the reason %s, line %i and what to do', (text, reason, line, problem) => {
    const refusal = refusalOf(() => read(text))
    expect(refusal).toMatchObject({ reason, line })
    expect(refusal.message).toContain(`line ${line}: `)
    expect(refusal.message).toContain(problem)
  })

  test('of bytes that are not UTF-8 names what they are in', () => {
    const refusal = refusalOf(() =>
      new TextReader('scrape').read(Buffer.from('a 1\nb{l="\xff"} 1\n', 'latin1')),
    )
    expect(refusal).toMatchObject({ reason: 'encoding', line: 2 })
    expect(refusal.message).toContain('the label value is not UTF-8')
  })

  test('of a page that was cut short says so', () => {
    expect(refusalOf(() => read('a 1\nb', 'push'))).toMatchObject({ reason: 'end', line: 2 })
    expect(refusalOf(() => read('a 1\n', 'openmetrics'))).toMatchObject({ reason: 'end', line: 2 })
  })

  test.each([
    ['# TYPE h histogram\nh_bucket{le="1"} 1\n# TYPE b gauge\nb 1\n# EOF\n', 2],
    ['a 1\na 1\n# EOF\n', 2],
    ['# TYPE a counter\na_total 1\nb 1\na_total{l="x"} 1\n# EOF\n', 4],
  ])('of the order of OpenMetrics %j has the line where it was found', (text, line) => {
    expect(refusalOf(() => read(text, 'openmetrics')).line).toBe(line)
  })

  test('is one line of at most 1,024 bytes', () => {
    const pages = [
      `a{l="${'\u0001'.repeat(5000)}`,
      `${'x'.repeat(1000)}é 1\n`,
      `# TYPE a ${'\n'.repeat(9)}`,
      `a ${'y'.repeat(9999)}\n`,
    ]
    for (const page of pages) {
      const { message } = refusalOf(() => read(page))
      expect(Buffer.byteLength(message)).toBeLessThan(1024)
      expect(message).not.toContain('\n')
    }
  })
})

describe('limits', () => {
  const limits = { ...DEFAULT_LIMITS, samples: 3, labels: 2, nameBytes: 8, valueBytes: 4 }
  const limited = (text: string) => new TextReader('scrape', limits).read(Buffer.from(text))

  test.each([
    ['samples', 'a 1\nb 1\nc 1\n', 'd 1\n'],
    ['samples of one series', 'a 1\na 2\na 3\n', 'a 4\n'],
    ['families', '# HELP a x\n# HELP b x\n# HELP c x\n', '# HELP d x\n'],
    ['labels', '', 'a{l="",m="",n=""} 1\n'],
    ['labels in another spelling', '', 'a{l="", m="", n=""} 1\n'],
    ['bytes of a metric name', 'abcdefgh 1\n', 'abcdefghi 1\n'],
    ['bytes of a quoted metric name', '{"abcdefgh"} 1\n', '{"abcdefghi"} 1\n'],
    ['bytes of a described name', '# HELP abcdefgh x\n', '# HELP abcdefghi x\n'],
    ['bytes of a label name', 'a{abcdefgh=""} 1\n', 'a{abcdefghi=""} 1\n'],
    ['bytes of a quoted label name', 'a{"abcdefgh"=""} 1\n', 'a{"abcdefghi"=""} 1\n'],
    ['bytes of a label value', 'a{l="éé"} 1\n', 'a{l="ééx"} 1\n'],
    ['bytes of an escaped label value', 'a{l="\\n\\n\\n\\n"} 1\n', 'a{l="\\n\\n\\n\\n\\n"} 1\n'],
    ['bytes of a HELP', '# HELP a abcd\n', '# HELP a abcde\n'],
    ['bytes of an escaped HELP', '# HELP a \\n\\n\\n\\n\n', '# HELP a \\n\\n\\n\\n\\n\n'],
    ['blanks', `a${' '.repeat(65_536)}1\n`, `a${' '.repeat(65_537)}1\n`],
  ])('of %s are kept', (_, within, beyond) => {
    expect(() => limited(within)).not.toThrow()
    expect(refusalOf(() => limited(within + beyond))).toMatchObject({ reason: 'limit' })
  })
})
