import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RefusedItems } from '../../../../gateway/api/write/refused.js'
import { RecordMaker, type RecordOptions } from '../../../../gateway/api/write/target-records.js'
import { runNow } from '../../../../shared/base/steps.js'
import { compareUtf8 } from '../../../../shared/metrics/labels.js'
import { DEFAULT_LIMITS } from '../../../../shared/metrics/limits.js'
import { DEFAULT_WRITE_LIMITS } from '../../../../shared/metrics/remote-write/limits.js'
import { WriteReader } from '../../../../shared/metrics/remote-write/reader.js'
import type { WriteProtocol } from '../../../../shared/metrics/remote-write/request.js'
import { targetKey } from '../../../../shared/snapshot/key.js'
import { described } from '../../../support/described-writes.js'
import { LongestSteps } from '../../../support/longest-step.js'
import { encodeV1, encodeV2 } from '../../../support/remote-write-schema.js'

const TARGET_LABELS = ['job', 'instance']
const newMaker = () =>
  new RecordMaker({
    request: DEFAULT_WRITE_LIMITS,
    labels: DEFAULT_LIMITS,
    targetLabels: TARGET_LABELS,
  })
const options = (protocol: WriteProtocol): RecordOptions => ({
  protocol,
  notAfter: Infinity,
  acquire() {},
})

type Labels = readonly (readonly [name: string, value: string])[]

/** The same series in both protocols. */
function bodies(series: readonly Labels[]): Record<WriteProtocol, Buffer> {
  const symbols = ['', ...new Set(series.flat(2))]
  const samples = [{ value: 1, timestamp: 1_767_225_600_000 }]
  return {
    '1.0': encodeV1({
      timeseries: series.map(labels => ({
        labels: labels.map(([name, value]) => ({ name, value })),
        samples,
      })),
    }),
    '2.0': encodeV2({
      symbols,
      timeseries: series.map(labels => ({
        labelsRefs: labels.flatMap(pair =>
          pair.map(text => (text === '' ? 0 : symbols.indexOf(text, 1))),
        ),
        samples,
      })),
    }),
  }
}

/** What should come of labels, derived without the code under test. Undefined: refused. */
function canonical(labels: Labels): Labels | undefined {
  if (labels.some(([name]) => name === '')) return undefined
  const kept = labels.filter(([, value]) => value !== '')
  const names = kept.map(([name]) => name)
  if (new Set(names).size < names.length || !names.includes('__name__')) return undefined
  if (kept.some(([name, value]) => TARGET_LABELS.includes(name) && value.includes('\0')))
    return undefined
  return [...kept].sort(([a], [b]) => compareUtf8(a, b))
}

function keyOf(labels: Labels): string {
  const target = labels
    .filter(([name]) => TARGET_LABELS.includes(name))
    .map(([name, value]) => ({ name, value }))
  if (!target.some(({ name }) => name === 'job'))
    target.push({ name: 'job', value: 'remote_write' })
  return targetKey(target).toString('hex')
}

const name = fc.constantFrom('__name__', 'job', 'instance', 'a', 'b', '\u{10000}', '\uffee', '')
const value = fc.constantFrom('x', 'y', 'zone', '', 'a\0b', 'ö')
const labels = fc.oneof(
  fc.array(fc.tuple(name, value), { maxLength: 6 }),
  // Most series of a request have the same names in order.
  fc.tuple(value, value, value).map(
    ([metric, instance, job]): Labels => [
      ['__name__', metric],
      ['instance', instance],
      ['job', job],
    ],
  ),
)

describe('records', () => {
  test.each(['1.0', '2.0'] as const)(
    '%s: each valid series is in a record of its target, in canonical form and in order',
    protocol => {
      const maker = newMaker()
      fc.assert(
        fc.property(fc.array(labels, { maxLength: 20 }), series => {
          const refused = new RefusedItems()
          const made = runNow(maker.make(bodies(series)[protocol], options(protocol), refused))
          const found = new Map(
            made.map(({ key, values }) => [
              key.toString('hex'),
              values.flatMap(record => described(new WriteReader().read(record, '2.0'))),
            ]),
          )
          const expected = new Map<string, string[][]>()
          for (const given of series) {
            const wanted = canonical(given)
            if (!wanted) continue
            const key = keyOf(wanted)
            expected.set(key, [...(expected.get(key) ?? []), wanted.flat()])
          }
          expect(
            new Map([...found].map(([key, all]) => [key, all.map(one => one.labels)])),
          ).toEqual(expected)
          const valid = [...expected.values()].flat().length
          expect(made.reduce((sum, { samples }) => sum + samples, 0)).toBe(valid)
          expect([...refused.items.values()].reduce((a, b) => a + b, 0)).toBe(series.length - valid)
        }),
      )
    },
  )
})

test('no step of a large request takes 10 ms', { retry: 2 }, () => {
  const named = (i: number, own: Labels): Labels => [['__name__', `m${i % 100}`], ...own]
  const count = 60_000
  const each = (make: (i: number) => Labels) => Array.from({ length: count }, (_, i) => make(i))
  const cases: readonly (readonly [string, Buffer, WriteProtocol])[] = [
    [
      'many targets',
      bodies(
        each(i =>
          named(i, [
            ['instance', `i${i % 20_000}`],
            ['job', 'x'],
          ]),
        ),
      )['2.0'],
      '2.0',
    ],
    [
      'labels that are not sorted',
      bodies(
        each(i =>
          named(i, [
            ['zone', 'z'],
            ['job', 'x'],
          ]),
        ),
      )['1.0'],
      '1.0',
    ],
    [
      'series that are refused',
      bodies(
        each(() => [
          ['job', 'x'],
          ['zone', 'z'],
        ]),
      )['2.0'],
      '2.0',
    ],
    [
      'a series with many samples, histograms and exemplars',
      encodeV2({
        symbols: ['', '__name__', 'a'],
        timeseries: [
          {
            labelsRefs: [1, 2],
            samples: Array.from({ length: 400_000 }, (_, i) => ({ value: i, timestamp: 1e12 + i })),
            histograms: Array.from({ length: 10_000 }, (_, i) => ({ countInt: i, timestamp: i })),
            exemplars: Array.from({ length: 10_000 }, (_, i) => ({ value: i, timestamp: i })),
          },
        ],
      }),
      '2.0',
    ],
    [
      'metadata without series',
      encodeV1({
        metadata: Array.from({ length: 20_000 }, (_, i) => ({
          metricFamilyName: `f${i}`,
          help: 'H',
        })),
      }),
      '1.0',
    ],
  ]
  for (const [work, body, protocol] of cases) {
    const steps = new LongestSteps()
    const maker = newMaker()
    for (let i = 0; i < 4; i++) {
      steps.restart()
      steps.run(maker.make(body, options(protocol), new RefusedItems()))
    }
    expect(steps.ms, `${work}: ${steps.longest}`).toBeLessThan(10)
  }
})
