import type { Steps } from '../../base/steps.js'
import type { Family } from '../../metrics/model.js'
import type { MetricJson } from '../../metrics/prom-client/metric-json.js'
import { addFamilies, addFamilyNames } from './exposition.js'
import { LayoutBuilder } from './layout-builder.js'
import type { Mapping } from './mapping.js'
import { addMetricNames, addMetrics } from './registry.js'

/** Metrics of a prom-client registry, or families of an exposition. */
export type MappedSource =
  | { readonly metrics: readonly MetricJson[] }
  | { readonly families: readonly Family[] }

/**
 * Maps all sources of a target to one layout. If two sources have the same series, the first is
 * kept.
 *
 * @param without families of the layout to drop, with the reason
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

/** Number of series of a source. */
export function seriesOf(source: MappedSource): number {
  return 'metrics' in source
    ? source.metrics.reduce((sum, { values }) => sum + (values?.length ?? 0), 0)
    : source.families.reduce((sum, { series }) => sum + series.length, 0)
}
