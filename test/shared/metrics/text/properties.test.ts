import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../../shared/base/steps.js'
import { exemplarTexts } from '../../../../shared/exposition/exemplar-text.js'
import { familyLines } from '../../../../shared/exposition/family-lines.js'
import type { Format } from '../../../../shared/exposition/format.js'
import { layoutTextSteps } from '../../../../shared/exposition/layout-text.js'
import { NO_LABELS, seriesLines } from '../../../../shared/exposition/series-lines.js'
import type { Layout } from '../../../../shared/metrics/layout.js'
import type { Exposition } from '../../../../shared/metrics/model.js'
import type { TextDialect, TextFormat } from '../../../../shared/metrics/text/dialect.js'
import { TextReader } from '../../../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../../../shared/metrics/text/refusal.js'
import { layoutArbitrary } from '../../snapshot/layouts.js'
import { CASES, pageOf } from './collection.js'

const DIALECTS: [TextDialect, TextFormat][] = [
  ['scrape', 'text'],
  ['scrape', 'openmetrics'],
  ['push', 'text'],
  ['openmetrics', 'openmetrics'],
]

/** What it reads, or why not. */
function attempt(reader: TextReader, page: Buffer, format: TextFormat): Exposition | string {
  try {
    return reader.read(Buffer.from(page), format)
  } catch (error) {
    if (error instanceof ExpositionRefused) return error.message
    throw error
  }
}

describe('what is rendered', () => {
  /** In Prometheus's text a counter has its `_total` in the family's name. */
  const asText = ({ families }: Layout): Layout => ({
    families: families.map(family => ({
      ...family,
      series:
        family.type === 'counter'
          ? family.series.filter(({ suffix }) => suffix === '_total')
          : family.series,
    })),
  })

  function render({ families }: Layout, values: Float64Array, format: Format): Buffer {
    const openMetrics = format.name === 'openmetrics-1.0.0'
    const text = runNow(layoutTextSteps({ families }, format.escaping, new Set()))
    const exemplars = openMetrics
      ? exemplarTexts([...values.keys()].filter(i => i % 3 === 0).map(series => ({ series, labels: [{ name: 't', value: `${series}` }], value: 0.5, timestamp: series * 1001 }))) // biome-ignore format: one line
      : null
    let lines = ''
    let from = 0
    for (const family of families) {
      const to = from + family.series.length
      lines += familyLines(
        { ...family, counterSuffix: family.type === 'counter' ? '_total' : '' },
        format,
      )
      lines += seriesLines(values, text, { from, to }, NO_LABELS, null, exemplars)
      from = to
    }
    return Buffer.from(
      `${lines.slice(1)}${lines === '' ? '' : '\n'}${openMetrics ? '# EOF\n' : ''}`,
      'latin1',
    )
  }

  test.each<[Format['name'], TextFormat]>([
    ['text-1.0.0', 'text'],
    ['openmetrics-1.0.0', 'openmetrics'],
  ])('as %s is read back as the same families, series, values and exemplars', (name, format) => {
    fc.assert(
      fc.property(
        layoutArbitrary.map(asText),
        fc.infiniteStream(fc.double()),
        (layout, numbers) => {
          const count = layout.families.reduce((sum, { series }) => sum + series.length, 0)
          const values = Float64Array.from({ length: count }, () => numbers.next().value)
          const page = render(layout, values, { name, escaping: 'allow-utf-8' })
          const exposition = new TextReader('scrape').read(page, format)
          const openMetrics = format === 'openmetrics'
          expect(exposition.values).toEqual(values)
          expect(exposition.omitted).toEqual(new Map())
          expect(
            exposition.exemplars?.map(({ series, timestamp }) => [series, timestamp]) ?? [],
          ).toEqual(
            openMetrics ? [...values.keys()].filter(i => i % 3 === 0).map(i => [i, i * 1001]) : [],
          )
          expect(exposition.families).toEqual(
            layout.families.map(family => {
              const total = !openMetrics && family.type === 'counter'
              return {
                name: total ? `${family.name}_total` : family.name,
                type: family.type,
                help: openMetrics || /[^ \t]/.test(family.help) ? family.help : '',
                unit: '',
                series: total
                  ? family.series.map(({ labels }) => ({ suffix: '', labels }))
                  : family.series,
              }
            }),
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})

const TOKENS = ['{', '}', '"', '\\', '\n', ' ', '\t', ',', '=', '#', '# ', 'le', '1', '-', '.', 'e5', 'NaN', 'a', '_total', '_bucket', '# EOF\n', 'a 1\n', '# TYPE a counter\n', '\\n', ' 5', ' # {a="x"} 1', 'é', '\0', '9'] // biome-ignore format: one line

/** A page of the collection with up to three changes. */
const mutatedPage = (openMetrics: boolean) =>
  fc
    .tuple(
      fc.constantFrom(...CASES),
      fc.array(fc.tuple(fc.nat(500), fc.nat(3), fc.constantFrom(...TOKENS)), { maxLength: 3 }),
    )
    .map(([case_, changes]) => {
      let page = pageOf(case_, openMetrics)
      for (const [at, removed, token] of changes) {
        const start = at % (page.length + 1)
        page = Buffer.concat([
          page.subarray(0, start),
          Buffer.from(token),
          page.subarray(start + removed),
        ])
      }
      return page
    })

describe.each(DIALECTS)('%s of %s', (dialect, format) => {
  const openMetrics = format === 'openmetrics'

  test('any bytes are an exposition or a refusal', () => {
    const anyPage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
      fc.string({ unit: fc.constantFrom(...TOKENS), maxLength: 40 }).map(text => Buffer.from(text)),
      mutatedPage(openMetrics),
    )
    fc.assert(
      fc.property(anyPage, page => {
        const read = attempt(new TextReader(dialect), page, format)
        if (typeof read === 'string') return
        const count = read.families.reduce((sum, { series }) => sum + series.length, 0)
        expect(read.values).toHaveLength(count)
        if (read.timestamps) expect(read.timestamps).toHaveLength(count)
        for (const { series } of read.exemplars ?? []) expect(series).toBeLessThan(count)
      }),
      { numRuns: 1500 },
    )
  })

  test('a page after any others is read as it is alone', () => {
    const numbered = fc.tuple(mutatedPage(openMetrics), fc.nat(99)).map(([page, number]) => {
      // Often the same page with another number.
      return Buffer.from(
        page.toString('latin1').replace(/\d+(?=\n)/g, digits => `${Number(digits) + number}`),
        'latin1',
      )
    })
    const sequence = fc
      .tuple(fc.array(mutatedPage(openMetrics), { minLength: 1, maxLength: 2 }), fc.array(fc.tuple(fc.nat(), fc.nat(99)), { maxLength: 5 }), fc.array(numbered, { maxLength: 2 })) // biome-ignore format: one line
      .map(([pages, again, others]) => [
        ...again.map(([which, add]) =>
          Buffer.from(
            pages[which % pages.length].toString('latin1').replace(/ (\d+)(?=[ \n])/g, (_, digits) => ` ${Number(digits) + add}`), // biome-ignore format: one line
            'latin1',
          ),
        ),
        ...others,
        ...pages,
      ])
    fc.assert(
      fc.property(sequence, pages => {
        const reader = new TextReader(dialect)
        let before: Exposition | undefined
        for (const page of pages) {
          const read = attempt(reader, page, format)
          expect(read).toEqual(attempt(new TextReader(dialect), page, format))
          if (typeof read === 'string') continue
          const equal = before && JSON.stringify(before.families) === JSON.stringify(read.families)
          expect(before?.families === read.families).toBe(equal === true)
          before = read
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a page of the collection is read the same the first and the second time', () => {
    for (const case_ of CASES) {
      const page = pageOf(case_, openMetrics)
      const reader = new TextReader(dialect)
      const first = attempt(reader, page, format)
      const second = attempt(reader, page, format)
      expect(second).toEqual(first)
      if (typeof first !== 'string' && typeof second !== 'string')
        expect(second.families).toBe(first.families)
    }
  })
})
