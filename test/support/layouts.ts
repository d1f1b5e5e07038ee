import type { Layout, LayoutSeries } from '../../shared/metrics/layout.js'

const gauge = (name: string, series: readonly LayoutSeries[], help = 'Help.'): Layout => ({
  families: [{ name, type: 'gauge', help, unit: '', series }],
})

const seriesOf = (
  count: number,
  labels: (i: number) => readonly (readonly [string, string])[],
): LayoutSeries[] =>
  Array.from({ length: count }, (_, i) => ({
    suffix: '',
    labels: labels(i).map(([name, value]) => ({ name, value })),
  }))

const range = (length: number) => Array.from({ length }, (_, i) => i)

/** A gauge with one label. */
export const simpleLayout = (series: number, name = 'x'): Layout =>
  gauge(
    name,
    seriesOf(series, i => [['i', `${i}`]]),
  )

/**
 * Layouts within the default limits, each of which is expensive in another way. The divisor makes
 * them smaller.
 */
export const EXPENSIVE_LAYOUTS: Readonly<Record<string, (divisor?: number) => Layout>> = {
  'many families': (divisor = 1) => ({
    families: range(50_000 / divisor).map(i => ({
      name: `family_with_a_name_${i}`,
      type: 'gauge',
      help: 'Some help text of the family.',
      unit: '',
      series: [{ suffix: '', labels: [] }],
    })),
  }),
  'families without series': (divisor = 1) => ({
    families: range(50_000 / divisor).map(i => ({
      name: `f${i}`,
      type: 'gauge',
      help: `${i}`.padEnd(100, '\\'),
      unit: '',
      series: [],
    })),
  }),
  'a long name': (divisor = 1) => simpleLayout(50_000 / divisor, 'n'.repeat(1000)),
  'equal labels': (divisor = 1) =>
    gauge(
      'x',
      seriesOf(50_000 / divisor, i =>
        range(10).map(l => [`l${l}`, `${Math.floor(i / 10 ** (l % 5)) % 10}`]),
      ),
    ),
  'different labels': (divisor = 1) =>
    gauge(
      'x',
      seriesOf(50_000 / divisor, i => range(10).map(l => [`l${l}`, (i * 10 + l).toString(36)])),
    ),
  'different label names': (divisor = 1) =>
    gauge(
      'x',
      seriesOf(50_000 / divisor, i =>
        range(10).map(l => [`a${(i * 10 + l + 1_000_000).toString(36)}`, '1']),
      ),
    ),
  'values to be escaped': (divisor = 1) =>
    gauge(
      'x',
      seriesOf(1900 / divisor, i => [['a', `${i}`.padEnd(4090, '"')]]),
    ),
  'long series': (divisor = 1) =>
    gauge(
      'x',
      seriesOf(Math.ceil(30 / divisor), i =>
        range(64).map(l => [`a${l + 10}`, `${i} ${l} `.padEnd(4090, '"')]),
      ),
    ),
}
