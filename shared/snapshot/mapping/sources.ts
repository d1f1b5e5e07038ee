import type { Steps } from '../../base/steps.js'
import type { Family } from '../../metrics/model.js'
import type { MetricJson } from '../../metrics/prom-client/metric-json.js'
import { addFamilies, addFamilyNames } from './exposition.js'
import { LayoutBuilder } from './layout-builder.js'
import type { Mapping } from './mapping.js'
import { addMetricNames, addMetrics } from './registry.js'

/** What a prom-client registry gives, or the families of an exposition. */
export type MappedSource =
  | { readonly metrics: readonly MetricJson[] }
  | { readonly families: readonly Family[] }

/**
 * The layout of all sources of a target together. Of a series that two sources have, the first is
 * kept.
 *
 * @param without families of the layout to leave out, and why
 */
export function* mapSources(
  sources: readonly MappedSource[],
  without: ReadonlyMap<string, string> = new Map(),
): Steps<Mapping> {
  const exposedNames = new Set<string>()
  let series = 0
  for (const source of sources) {
    if ('metrics' in source) addMetricNames(exposedNames, source.metrics)
    else yield* addFamilyNames(exposedNames, source.families)
    series += seriesOf(source)
  }
  const builder = new LayoutBuilder(series, without)
  for (const source of sources) {
    if ('metrics' in source) yield* addMetrics(builder, source.metrics, exposedNames)
    else yield* addFamilies(builder, source.families, exposedNames)
  }
  return yield* builder.finish()
}

/** How many a source has. */
export function seriesOf(source: MappedSource): number {
  return 'metrics' in source
    ? source.metrics.reduce((sum, { values }) => sum + (values?.length ?? 0), 0)
    : source.families.reduce((sum, { series }) => sum + series.length, 0)
}
