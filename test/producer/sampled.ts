import { Sampler } from '../../producer/sampler.js'
import { type MetricSource, Sources } from '../../producer/source.js'
import type { SourceReading } from '../../producer/source-values.js'
import { runNow } from '../../shared/base/steps.js'
import type { Layout } from '../../shared/metrics/layout.js'
import type { MetricJson } from '../../shared/metrics/prom-client/metric-json.js'
import type { Sample } from '../../shared/publish/sample.js'
import { decodeLayout } from '../../shared/snapshot/layout.js'
import type { Mapping } from '../../shared/snapshot/mapping/mapping.js'
import { mapSources } from '../../shared/snapshot/mapping/sources.js'
import { sampleNames, validateLayout, validateParts } from '../../shared/snapshot/validate.js'

/** One series in the notation of Prometheus: `name{label="value",…}`. */
export function seriesText(
  family: string,
  suffix: string,
  labels: Layout['families'][number]['series'][number]['labels'],
) {
  return `${family}${suffix}{${labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join(',')}}`
}

/** The series of all layouts, in the order of the values. */
export function seriesOf(layouts: readonly Layout[]): string[] {
  return layouts.flatMap(({ families }) =>
    families.flatMap(({ name, series }) =>
      series.map(({ suffix, labels }) => seriesText(name, suffix, labels)),
    ),
  )
}

/**
 * The layouts of a sample, encoded, decoded and validated as by an exposer. @throws RefusedError
 */
export function layoutsOf(sample: Sample): Layout[] {
  const layouts = sample.parts.map(({ layout }) => decodeLayout(layout.bytes))
  for (const layout of layouts) validateLayout(layout)
  validateParts(layouts.map(sampleNames))
  return layouts
}

/** The series and values that an exposer reads from a sample. @throws RefusedError */
export function readBack(sample: Sample): Map<string, number> {
  const series = seriesOf(layoutsOf(sample))
  return new Map(series.map((text, i) => [text, sample.values[i]]))
}

export const sampleOnce = (metrics: readonly MetricJson[]) => sampleOf([{ metrics }])

export const sampleOf = (readings: readonly SourceReading[]) =>
  new Sampler().read(readings).sample()

/** Collects the sources once. */
export const collect = (source: MetricSource) => new Sources(source).collect(5000)

export const layoutOf = (metrics: readonly MetricJson[]): Mapping =>
  runNow(mapSources([{ metrics }]))
