import { partitionFor } from '../../shared/base/murmur2.js'
import type { Layout, LayoutFamily } from '../../shared/metrics/layout.js'
import type { Exemplar, Label } from '../../shared/metrics/model.js'
import { encodeFailure } from '../../shared/snapshot/failure.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { type EncodedLayout, encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'

/** A record of one target. */
export interface HostileRecord {
  readonly key: Buffer
  readonly value: Buffer
  readonly partition: number
}

/** The n-th record of a fleet that makes one kind of memory grow. */
export type Shape = (n: number, at: At) => HostileRecord

/** When a record is written. */
export interface At {
  /** Unix ms. */
  readonly time: number
  readonly sequence: number
  readonly partitions: number
}

const label = (name: string, value: string): Label => ({ name, value })
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

const gauge = (name: string, labels: readonly Label[] = [], help = ''): LayoutFamily => ({
  name,
  type: 'gauge',
  help,
  unit: '',
  series: [{ suffix: '', labels }],
})

const histogram = (name: string): LayoutFamily => ({
  ...gauge(name),
  type: 'histogram',
  series: [
    { suffix: '_bucket', labels: [label('le', '+Inf')] },
    { suffix: '_sum', labels: [] },
    { suffix: '_count', labels: [] },
  ],
})

const instance = (n: number, labels: readonly Label[] = []): Label[] =>
  [label('instance', `10.0.${n >> 8}.${n & 255}:8080`), label('job', 'shop'), ...labels].sort(
    (a, b) => (a.name < b.name ? -1 : 1),
  )

interface Content {
  readonly target?: readonly Label[]
  readonly layout: EncodedLayout
  readonly series: number
  readonly timestamps?: boolean
  readonly exemplars?: readonly Exemplar[]
  readonly part?: number
  readonly parts?: number
}

const headerOf = (target: readonly Label[], at: At) => ({
  target,
  incarnation: 1000,
  sequence: at.sequence,
  superseded: 0,
  collectedAt: at.time,
  intervalMs: 60_000,
  collectSeconds: 0.001,
})

function record(n: number, at: At, content: Content): HostileRecord {
  const { target = instance(n), layout, series, part = 0, parts = 1 } = content
  const key = targetKey(target)
  const value = encodeSnapshot(
    { ...headerOf(target, at), part, parts, end: false, layoutId: layout.id },
    {
      layoutCompressed: layout.compressed,
      values: times(series, i => n + i + 0.5),
      timestamps: content.timestamps ? times(series, i => at.time - i) : null,
      exemplars: content.exemplars ?? null,
    },
  )
  return { key, value, partition: partitionFor(key, at.partitions) }
}

const own = (families: readonly LayoutFamily[]): EncodedLayout => encodeLayout({ families })

const layouts = new Map<string, EncodedLayout>()
/** A layout that all targets share. */
function shared(name: string, make: () => Layout): EncodedLayout {
  const layout = layouts.get(name) ?? encodeLayout(make())
  layouts.set(name, layout)
  return layout
}

const oneSeries = () => shared('one', () => ({ families: [gauge('up_to_date')] }))
const manySeries = (count: number) =>
  shared(`many ${count}`, () => ({
    families: [
      {
        name: 'requests',
        type: 'gauge' as const,
        help: 'Requests.',
        unit: '',
        series: times(count, i => ({ suffix: '' as const, labels: [label('path', `/p/${i}`)] })),
      },
    ],
  }))

function padded(n: number, bytes: number): string {
  return `${n}_`.padEnd(bytes, 'abcdefghij')
}

function exemplars(n: number, count: number, labels: number): Exemplar[] {
  return times(count, i => ({
    series: i,
    labels: times(labels, l =>
      label(`${'abcdefghijklmnopqrstuvwxyz'[l]}`, `${(n + i + l) % 1000}`),
    ),
    value: i + 0.5,
    timestamp: null,
  }))
}

/** Fleets that make one kind of memory grow each, with as few encoded bytes as possible. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  'families of many names': (n, at) =>
    record(n, at, { layout: own(times(2000, i => gauge(`m_${n}_${i}`))), series: 2000 }),
  'histograms of many names': (n, at) =>
    record(n, at, { layout: own(times(500, i => histogram(`h_${n}_${i}`))), series: 1500 }),
  'families of many names that conflict': (n, at) =>
    record(n, at, {
      layout: own(
        times(1000, i => ({
          ...gauge(`m_${n >> 1}_${i}`, [label('v', `${n}`)]),
          type: n % 2 ? ('gauge' as const) : ('unknown' as const),
        })),
      ),
      series: 1000,
    }),
  'families of equal names': (n, at) =>
    record(n, at, {
      layout: own(times(500, i => gauge(`m_${i}`, [label('v', `${n}`)]))),
      series: 500,
    }),
  'families of conflicting types': (n, at) =>
    record(n, at, {
      layout: own(
        times(500, i => ({
          ...gauge(`m_${i}`, [label('v', `${n}`)]),
          type: n % 2 ? ('gauge' as const) : ('unknown' as const),
        })),
      ),
      series: 500,
    }),
  counters: (n, at) =>
    record(n, at, {
      layout: own(
        times(1000, i => ({
          name: `m_${n}_${i}`,
          type: 'counter' as const,
          help: '',
          unit: '',
          series: [{ suffix: '_total' as const, labels: [] }],
        })),
      ),
      series: 1000,
    }),
  helps: (n, at) =>
    record(n, at, {
      layout: own(times(50, i => gauge(`m_${i}`, [], padded(n * 1000 + i, 4000)))),
      series: 50,
    }),
  'helps of two bytes per character': (n, at) =>
    record(n, at, {
      layout: own(times(50, i => gauge(`m_${i}`, [], `☃${padded(n * 1000 + i, 4000)}`))),
      series: 50,
    }),
  'label names': (n, at) =>
    record(n, at, {
      layout: own(
        times(50, i =>
          gauge(
            `m_${i}`,
            times(60, l => label(`l${10 + l}_${n}_${i}`, 'v')),
          ),
        ),
      ),
      series: 50,
    }),
  'label values': (n, at) =>
    record(n, at, {
      layout: own([
        {
          name: 'requests',
          type: 'gauge',
          help: '',
          unit: '',
          series: times(1000, i => ({
            suffix: '' as const,
            labels: [label('path', padded(n * 1000 + i, 100))],
          })),
        },
      ]),
      series: 1000,
    }),
  'escaped label values': (n, at) =>
    record(n, at, {
      layout: own(times(20, i => gauge(`m_${i}`, [label('a', `${n}${'"'.repeat(3000)}`)]))),
      series: 20,
    }),
  'layouts of one series': (n, at) =>
    record(n, at, { layout: own([gauge('version', [label('v', `${n}`)])]), series: 1 }),
  targets: (n, at) => record(n, at, { layout: oneSeries(), series: 1 }),
  'target labels': (n, at) =>
    record(n, at, {
      target: instance(
        n,
        times(50, l => label(`t${10 + l}`, padded(n, 1000))),
      ),
      layout: oneSeries(),
      series: 1,
    }),
  'target labels of many series': (n, at) =>
    record(n, at, {
      target: instance(
        n,
        times(60, l => label(`t${10 + l}`, padded(n, 4000))),
      ),
      layout: manySeries(500),
      series: 500,
    }),
  'target labels of one byte': (n, at) =>
    record(n, at, {
      target: instance(
        n,
        times(60, l => label(`t${10 + l}`, 'v')),
      ),
      layout: oneSeries(),
      series: 1,
    }),
  values: (n, at) => record(n, at, { layout: manySeries(5000), series: 5000 }),
  'few values': (n, at) => record(n, at, { layout: manySeries(9), series: 9 }),
  timestamps: (n, at) =>
    record(n, at, { layout: manySeries(5000), series: 5000, timestamps: true }),
  exemplars: (n, at) =>
    record(n, at, { layout: manySeries(1000), series: 1000, exemplars: exemplars(n, 1000, 1) }),
  'exemplars of many labels': (n, at) =>
    record(n, at, { layout: manySeries(200), series: 200, exemplars: exemplars(n, 200, 20) }),
  'parts that are never complete': (n, at) =>
    record(n, at, { layout: manySeries(500), series: 500, parts: 256 }),
  'empty parts that are never complete': (n, at) =>
    record(n, at, { layout: oneSeries(), series: 1, parts: 256 }),
  'reasons of failures': (n, at) => {
    const target = instance(n)
    const key = targetKey(target)
    const value = encodeFailure(headerOf(target, at), `☃${padded(n, 1000)}`)
    return { key, value, partition: partitionFor(key, at.partitions) }
  },
  'refused snapshots': (n, at) =>
    record(n, at, {
      layout: shared('refused', () => ({
        families: [
          gauge(
            'm',
            times(65, i => label(`l${i + 10}`, 'v')),
          ),
        ],
      })),
      series: 1,
    }),
  'layouts of colliding labels': (n, at) =>
    record(n, at, {
      target: instance(n, [
        label(`l${10 + (n % 60)}`, 'v'),
        label(`m${10 + ((n / 60) & 31)}`, 'v'),
      ]),
      layout: shared('colliding', () => ({
        families: times(20, i =>
          gauge(
            `m_${i}`,
            times(30, l => label(`l${10 + ((l + i) % 60)}`, 'v'))
              .concat(times(30, l => label(`m${10 + l}`, 'v')))
              .sort((a, b) => (a.name < b.name ? -1 : 1)),
          ),
        ),
      })),
      series: 20,
    }),
}
