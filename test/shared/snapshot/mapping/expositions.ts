import { runNow } from '../../../../shared/base/steps.js'
import { sortLabels } from '../../../../shared/metrics/labels.js'
import type {
  Exposition,
  Family,
  MetricType,
  SampleSuffix,
} from '../../../../shared/metrics/model.js'
import type { Mapping } from '../../../../shared/snapshot/mapping/mapping.js'
import { mapSources } from '../../../../shared/snapshot/mapping/sources.js'
import { seriesOf } from '../../../producer/sampled.js'

export type SeriesSpec = readonly [suffix: SampleSuffix, labels?: Readonly<Record<string, string>>]

/** A family as returned by a reader. */
export const family = (
  name: string,
  type: MetricType,
  series: readonly SeriesSpec[] = [['']],
  more: Partial<Pick<Family, 'help' | 'unit'>> = {},
): Family => ({
  name,
  type,
  help: `help of ${name}`,
  unit: '',
  ...more,
  series: series.map(([suffix, labels = {}]) => ({ suffix, labels: sortLabels(labels) })),
})

/** Values are 0, 1, 2, … in the order of the series. */
export function exposition(
  families: readonly Family[],
  more: Partial<Exposition> = {},
): Exposition {
  const series = families.reduce((sum, family) => sum + family.series.length, 0)
  return {
    families,
    values: Float64Array.from({ length: series }, (_, i) => i),
    timestamps: null,
    exemplars: null,
    omitted: new Map(),
    ...more,
  }
}

export const mappingOf = (...families: readonly Family[]): Mapping =>
  runNow(mapSources([{ families }]))

/**
 * Summary of a mapping: types by family, series in the order of the layout, and what was dropped.
 */
export function described({ layout, dropped, droppedSeries }: Mapping) {
  return {
    types: Object.fromEntries(layout.families.map(({ name, type }) => [name, type])),
    series: seriesOf([layout]),
    dropped: Object.fromEntries(dropped),
    droppedSeries: Object.fromEntries(droppedSeries),
  }
}
