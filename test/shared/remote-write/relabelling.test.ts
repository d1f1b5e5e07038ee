// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of replacements
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeSnappyBlock } from '../../../shared/base/snappy/block.js'
import { runNow } from '../../../shared/base/steps.js'
import { latin1 } from '../../../shared/exposition/layout-text.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import type { Label } from '../../../shared/metrics/model.js'
import { relabel } from '../../../shared/metrics/relabel/relabel.js'
import { relabelConfigs, rulesOf } from '../../../shared/metrics/relabel/schema.js'
import { WriteReader } from '../../../shared/metrics/remote-write/reader.js'
import type { SampleBlock } from '../../../shared/remote-write/block.js'
import { relabelTableSteps } from '../../../shared/remote-write/relabelled-table.js'
import { Relabelling } from '../../../shared/remote-write/relabelling.js'
import { ReportTables } from '../../../shared/remote-write/report.js'
import type { RequestWriter } from '../../../shared/remote-write/request-writer.js'
import type { SeriesTable } from '../../../shared/remote-write/series-table.js'
import { seriesLeftSteps } from '../../../shared/remote-write/table-difference.js'
import { Writer1 } from '../../../shared/remote-write/writer-1.js'
import { Writer2 } from '../../../shared/remote-write/writer-2.js'
import { WrittenRelabelling } from '../../../shared/remote-write/written-relabelling.js'
import { decodePlain } from '../../support/plain-writes.js'
import { encodeV2 } from '../../support/remote-write-schema.js'
import { tableOf } from '../../support/series-table.js'

const TIME = 1_750_000_000_123
const WRITERS: readonly ['1.0' | '2.0', () => RequestWriter][] = [
  ['1.0', () => new Writer1()],
  ['2.0', () => new Writer2()],
]

const rules = (configs: unknown) =>
  rulesOf(relabelConfigs.parse(configs), 'utf8', (_i, key, problem) => {
    throw new Error(`${key}: ${problem}`)
  })
const relabelling = (configs: unknown) => new Relabelling(rules(configs))
const labelled = (labels: Readonly<Record<string, string>>): Label[] =>
  Object.entries(labels).map(([name, value]) => ({ name, value }))

/** A layout of gauges, by name with the labels of their series. */
function layoutOf(families: readonly (readonly [string, readonly (readonly Label[])[]])[]): Layout {
  return {
    families: families.map(([name, series]) => ({
      name,
      type: 'gauge',
      help: `Help of ${name}.`,
      unit: '',
      series: series.map(labels => ({ suffix: '', labels })),
    })),
  }
}

/** The values of a series are its index. */
function blockOf(
  table: SeriesTable,
  target: readonly Label[],
  more: Partial<SampleBlock> = {},
): SampleBlock {
  return {
    table,
    target: table.targetOf(target.map(({ value }) => latin1(value))),
    indexes: table.kept,
    values: Float64Array.from({ length: table.series }, (_, i) => i),
    time: TIME,
    times: null,
    exemplars: null,
    ...more,
  }
}

function written(protocol: '1.0' | '2.0', blocks: readonly SampleBlock[]) {
  const writer = protocol === '1.0' ? new Writer1() : new Writer2()
  for (const block of blocks) writer.addBlock(block, 0, block.indexes?.length ?? block.table.series)
  const { body, samples } = writer.finish()
  const message = decodeSnappyBlock(body, 1e8)
  const series = decodePlain(protocol, message)
  expect(samples).toBe(series.length)
  return { series, message }
}

const layout = layoutOf([
  ['app_requests', [labelled({ code: '200', path: '/ä' }), labelled({ code: '500', path: '/' })]],
  ['go_goroutines', [[]]],
])
const target = labelled({ instance: 'host:1', job: 'shop', zone: 'secret' })

const CASES: readonly [string, unknown, readonly string[]][] = [
  [
    'a metric is dropped by its name',
    [{ source_labels: ['__name__'], regex: 'go_.*', action: 'drop' }],
    [
      '__name__=app_requests,cluster=c1,code=200,instance=host:1,job=shop,path=/ä,zone=secret',
      '__name__=app_requests,cluster=c1,code=500,instance=host:1,job=shop,path=/,zone=secret',
    ],
  ],
  [
    'external labels can be read, and labels stay sorted when one is renamed',
    [
      { source_labels: ['cluster', 'job'], separator: '/', target_label: 'Where' },
      { regex: 'cluster|zone|path|job', action: 'labeldrop' },
    ],
    [
      'Where=c1/shop,__name__=app_requests,code=200,instance=host:1',
      'Where=c1/shop,__name__=app_requests,code=500,instance=host:1',
      'Where=c1/shop,__name__=go_goroutines,instance=host:1',
    ],
  ],
  [
    'a metric is renamed, and a label that becomes empty is left out',
    [
      {
        source_labels: ['__name__'],
        regex: 'app_(.*)',
        target_label: '__name__',
        replacement: 'shop_$1',
      },
      { source_labels: ['zone'], target_label: 'zone', regex: '.*', replacement: '' },
      { source_labels: ['code'], regex: '5..', action: 'drop' },
    ],
    [
      '__name__=shop_requests,cluster=c1,code=200,instance=host:1,job=shop,path=/ä',
      '__name__=go_goroutines,cluster=c1,instance=host:1,job=shop',
    ],
  ],
  [
    'labels are mapped, also those that no rule reads by name, and read afterwards',
    [
      { regex: '(inst)ance', replacement: '${1}', action: 'labelmap' },
      { source_labels: ['inst'], regex: 'host:2', action: 'drop' },
      { regex: '__name__|inst|code', action: 'labelkeep' },
    ],
    [
      '__name__=app_requests,code=200,inst=host:1',
      '__name__=app_requests,code=500,inst=host:1',
      '__name__=go_goroutines,inst=host:1',
    ],
  ],
  [
    'a series without a name is not sent',
    [{ source_labels: ['code'], regex: '.+', target_label: '__name__', replacement: '' }],
    ['__name__=go_goroutines,cluster=c1,instance=host:1,job=shop,zone=secret'],
  ],
  [
    'a target of another job has no series',
    [{ source_labels: ['job'], regex: 'till', action: 'keep' }],
    [],
  ],
]

describe.each(WRITERS)('relabelled series, protocol %s', (protocol, create) => {
  test.each(CASES)('of a snapshot: %s', (_title, configs, expected) => {
    const plain = tableOf(layout, target, labelled({ cluster: 'c1' }))
    const table = runNow(relabelTableSteps(plain, target, relabelling(configs)))
    const { series } = written(protocol, [blockOf(table, target)])
    expect(series.map(({ labels }) => labels.join())).toEqual(expected)
  })

  test.each(CASES)('of the topic of writes: %s', (_title, configs, expected) => {
    const source = new Writer2()
    const plain = tableOf(layout, target, labelled({ cluster: 'c1' }))
    source.addBlock(blockOf(plain, target), 0, plain.series)
    const request = new WriteReader().read(decodeSnappyBlock(source.finish().body, 1e8), '2.0')
    const relabelled = new WrittenRelabelling(relabelling(configs), 1e6)
    // The second time the result is known.
    for (let round = 0; round < 2; round++) {
      const kept = runNow(relabelled.keptSteps(request)) ?? [0, 1, 2]
      const writer = create()
      const sent = { exemplars: true, nativeHistograms: true }
      const result = { ...request, ...runNow(relabelled.relabelledSteps(request, 0, 3)) }
      for (const s of kept) writer.addWritten(result, s, s + 1, sent)
      const series = decodePlain(protocol, decodeSnappyBlock(writer.finish().body, 1e8))
      expect(series.map(({ labels }) => labels.join())).toEqual(expected)
    }
  })

  test('takes a step for each few thousand characters, of long labels with each series', () => {
    const symbols = ['', '__name__', 'a', 'b', 'c', 'd', 'x'.repeat(3000)]
    const short = { labelsRefs: [1, 2], samples: [{ value: 1, timestamp: TIME }] }
    const stepsOf = (labelsRefs: readonly number[]) => {
      const timeseries = Array.from({ length: 100 }, () => ({ ...short, labelsRefs }))
      const message = Buffer.from(encodeV2({ symbols, timeseries }))
      const request = new WriteReader().read(message, '2.0')
      const relabelled = new WrittenRelabelling(
        relabelling([{ regex: 'no', action: 'labeldrop' }]),
        1e6,
      )
      return [relabelled.keptSteps(request), relabelled.relabelledSteps(request, 0, 100)].map(
        steps => [...steps].length,
      )
    }
    expect(stepsOf([1, 2])).toEqual([9, 9])
    expect(stepsOf([1, 2, 3, 6, 4, 6, 5, 6])).toEqual([100, 100])
  })

  test('keep their values, times and exemplars when others are dropped', () => {
    const plain = tableOf(layout, target)
    const drop = relabelling([{ source_labels: ['code'], regex: '200', action: 'drop' }])
    const table = runNow(relabelTableSteps(plain, target, drop))
    const exemplar = (series: number) => ({ series, labels: [], value: series, timestamp: TIME })
    const { series } = written(protocol, [
      blockOf(table, target, {
        times: Float64Array.of(1, TIME - 5, Number.NaN),
        exemplars: [exemplar(0), exemplar(1), exemplar(2)],
      }),
    ])
    expect(series.map(({ samples }) => samples)).toEqual([[[TIME - 5, 1]], [[TIME, 2]]])
    expect(series.map(({ exemplars }) => exemplars.map(({ value }) => value))).toEqual([[1], [2]])
  })

  test('have nothing of labels and series that are dropped in the request', () => {
    const plain = tableOf(layout, target)
    const rename = relabelling([
      { regex: 'zone', action: 'labeldrop' },
      { source_labels: ['__name__'], regex: 'go_.*', action: 'drop' },
    ])
    const table = runNow(relabelTableSteps(plain, target, rename))
    const { message } = written(protocol, [blockOf(table, target)])
    expect(message.includes('shop')).toBe(true)
    for (const dropped of ['secret', 'zone', 'goroutines'])
      expect(message.includes(dropped)).toBe(false)
  })

  test('of a report are relabelled as well, up among them', () => {
    const reports = new ReportTables(
      labelled({ cluster: 'c1' }),
      relabelling([
        { source_labels: ['__name__'], regex: 'up|scrape_duration_seconds', action: 'keep' },
        { source_labels: ['__name__', 'job'], regex: 'up;till', action: 'drop' },
      ]),
    )
    const sent = (job: string) => {
      const labels = labelled({ instance: 'a', job })
      return written(protocol, [blockOf(reports.of(labels), labels)]).series.map(({ labels }) =>
        labels.join(),
      )
    }
    expect(sent('till')).toEqual([
      '__name__=scrape_duration_seconds,cluster=c1,instance=a,job=till',
    ])
    expect(sent('shop')).toEqual([
      '__name__=up,cluster=c1,instance=a,job=shop',
      '__name__=scrape_duration_seconds,cluster=c1,instance=a,job=shop',
    ])
  })
})

test('targets share a table unless a rule reads what they differ in', () => {
  const keyOf = (configs: unknown, job: string) => relabelling(configs).keyOf(labelled({ job }))
  const byName = [{ source_labels: ['__name__'], regex: 'go_.*', action: 'drop' }]
  const byJob = [{ source_labels: ['job'], regex: 'shop', action: 'keep' }]
  const mapped = [{ regex: 'job', replacement: 'app', action: 'labelmap' }]
  expect(keyOf(byName, 'shop')).toBe(keyOf(byName, 'till'))
  expect(keyOf(byJob, 'shop')).not.toBe(keyOf(byJob, 'till'))
  expect(keyOf(mapped, 'shop')).not.toBe(keyOf(mapped, 'till'))
})

describe('series that have left', () => {
  const first = tableOf(layout, target)
  const second = tableOf(
    layoutOf([
      ['app_requests', [labelled({ code: '201', path: '/ä' })]],
      ['go_threads', [[]]],
    ]),
    target,
  )
  const left = (configs: unknown) => {
    const rule = relabelling(configs)
    const [before, now] = [first, second].map(table =>
      runNow(relabelTableSteps(table, target, rule)),
    )
    const values = target.map(({ value }) => value)
    return runNow(seriesLeftSteps([before!], [now!], values)).map(indexes => [...(indexes ?? [])])
  }

  test('are only those that were sent', () => {
    expect(left([{ source_labels: ['zone'], target_label: 'x' }])).toEqual([[0, 1, 2]])
    expect(left([{ source_labels: ['__name__'], regex: 'go_.*', action: 'drop' }])).toEqual([
      [0, 1],
    ])
  })

  test('are not those whose relabelled labels another series has now', () => {
    expect(left([{ regex: 'code', action: 'labeldrop' }])).toEqual([[1, 2]])
  })
})

const anyName = fc.constantFrom('a', 'b', 'B', 'job', 'instance', 'ä', '__name__')
const anyValue = fc.constantFrom('x', 'y', 'xy', 'ü', '𝒳', '1')
const anyLabels = (names: fc.Arbitrary<string>) =>
  fc
    .uniqueArray(fc.record({ name: names, value: anyValue }), { selector: ({ name }) => name })
    .map(labels => labels.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))))
const anyRegex = fc.constantFrom('(.*)', 'x.*', '(x|ü)(.*)', '.+', 'a|b', '(job|a)', '[^_].*', '.')
const anyReplacement = fc.constantFrom('$1', '', 'y', '${1}x', 'ä$1')
const anySources = fc.array(anyName, { maxLength: 2 })
const anyRule = fc.oneof(
  fc.record({
    action: fc.constantFrom('replace'),
    source_labels: anySources,
    regex: anyRegex,
    target_label: fc.oneof(anyName, fc.constant('c_$1')),
    replacement: anyReplacement,
  }),
  fc.record({
    action: fc.constantFrom('keep', 'drop'),
    source_labels: anySources,
    regex: anyRegex,
  }),
  fc.record({
    action: fc.constantFrom('keepequal', 'dropequal', 'lowercase', 'uppercase'),
    source_labels: anySources,
    target_label: anyName,
  }),
  fc.record({
    action: fc.constant('hashmod'),
    source_labels: anySources,
    target_label: anyName,
    modulus: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    action: fc.constant('labelmap'),
    regex: anyRegex,
    replacement: fc.constantFrom('$1', 'm_$1', 'B'),
  }),
  fc.record({ action: fc.constantFrom('labeldrop', 'labelkeep'), regex: anyRegex }),
)
const ownNames = fc.constantFrom('a', 'b', 'B', 'ä', 'c')
const targetNames = fc.constantFrom('job', 'instance', 'B', 'z')

test('a relabelled table, and relabelled writes, are each series relabelled alone', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom('x', 'y_total', 'ü'),
          fc.array(anyLabels(ownNames), { minLength: 1 }),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      anyLabels(targetNames),
      anyLabels(targetNames),
      anyLabels(fc.constantFrom('cluster', 'a', 'job')),
      fc.array(anyRule, { minLength: 1, maxLength: 4 }),
      (families, target, other, external, configs) => {
        const rule = relabelling(configs)
        const plain = tableOf(layoutOf(families), target, external)
        const all = written('2.0', [blockOf(plain, target)]).series
        const expected = all.flatMap(({ labels, samples }) => {
          const map = new Map(
            labels.map(label => label.split('=', 2) as [name: string, value: string]),
          )
          const kept = relabel(map, rules(configs)) && map.has('__name__')
          map.delete('')
          const names = [...map.keys()].sort((a, b) =>
            Buffer.compare(Buffer.from(a), Buffer.from(b)),
          )
          return kept ? [{ labels: names.map(name => `${name}=${map.get(name)}`), samples }] : []
        })
        for (const { labels } of expected) for (const label of labels) expect(label).toMatch(/.=./)
        // A target with the same key gets the table that was made for another one.
        const sameNames =
          other.map(({ name }) => name).join() === target.map(({ name }) => name).join()
        const maker =
          sameNames && rule.keyOf(other) === rule.keyOf(target)
            ? other
            : target.map(({ name, value }) => ({ name, value: rule.reads(name) ? value : 'other' }))
        expect(rule.keyOf(maker)).toBe(rule.keyOf(target))
        const table = runNow(relabelTableSteps(plain, maker, rule))
        for (const protocol of ['1.0', '2.0'] as const) {
          const { series } = written(protocol, [blockOf(table, target)])
          expect(series).toMatchObject(expected)
          expect(series).toHaveLength(expected.length)
        }
        const source = new Writer2()
        source.addBlock(blockOf(plain, target), 0, plain.series)
        const request = new WriteReader().read(decodeSnappyBlock(source.finish().body, 1e8), '2.0')
        const relabelled = new WrittenRelabelling(rule, 2000)
        const kept = runNow(relabelled.keptSteps(request)) ?? all.keys()
        const steps = relabelled.relabelledSteps(request, 0, request.series)
        const result = { ...request, ...runNow(steps) }
        const writer = new Writer2()
        for (const s of kept)
          writer.addWritten(result, s, s + 1, { exemplars: true, nativeHistograms: true })
        const series = decodePlain('2.0', decodeSnappyBlock(writer.finish().body, 1e8))
        expect(series).toMatchObject(expected)
        expect(series).toHaveLength(expected.length)
      },
    ),
  )
})
