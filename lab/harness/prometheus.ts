import type { Sample, Series } from '../../dev/local/prometheus/api.js'
import type { LocalPrometheus } from '../../dev/local/prometheus.js'
import type { Variant } from '../types.js'
import { type Usage, usageOf } from './usage.js'

/** A Prometheus of an experiment. */
export class LabPrometheus {
  constructor(private readonly local: LocalPrometheus) {}

  get url(): string {
    return this.local.url
  }

  get host(): string {
    return new URL(this.local.url).host
  }

  get pid(): number {
    return this.local.pid
  }

  usage(): Usage {
    return usageOf(this.pid)
  }

  query(promql: string, time?: number): Promise<Sample[]> {
    return this.local.query(promql, time)
  }

  queryRange(promql: string, range: { start: number; end: number; step: number }): Promise<Series[]> {
    return this.local.queryRange(promql, range)
  }

  /** The value of a query with one result; NaN when there is none. */
  async value(promql: string, time?: number): Promise<number> {
    const [sample] = await this.local.query(promql, time)
    return sample ? Number(sample.value[1]) : Number.NaN
  }

  /** What is stored: the samples of each series that matches, `[Unix seconds, value]`, over the last so many seconds. */
  async stored(selector: string, seconds: number): Promise<Map<string, [number, number][]>> {
    const found = await this.local.query(`${selector}[${Math.ceil(seconds)}s]`)
    return new Map(
      found.map(series => {
        const { values } = series as unknown as { values: [number, string][] }
        return [JSON.stringify(series.metric), values.map(([at, value]) => [at, Number(value)])]
      }),
    )
  }

  targets() {
    return this.local.targets()
  }

  stop(): Promise<void> {
    return this.local.stop()
  }
}

const labelled = (variant: Variant) => ({
  relabel_configs: [{ target_label: 'variant', replacement: variant }],
})

/** The `global` part: every target is scraped so often, by the text format, unless its job says otherwise. */
export const everyTarget = (interval: string) => ({
  scrape_interval: interval,
  scrape_timeout: interval,
  scrape_protocols: ['PrometheusText0.0.4'],
})

/**
 * Scrape jobs of the variants, alike but for where they read. Each puts its variant on everything that it brings, so that all of them fit into one
 * Prometheus.
 */
export const job = {
  direct: (interval: string, apps: readonly { readonly url: string }[], more: object = {}) => ({
    job_name: 'direct',
    scrape_interval: interval,
    scrape_timeout: interval,
    http_sd_configs: apps.map(({ url }) => ({ url: `${url}/sd`, refresh_interval: '5s' })),
    ...labelled('direct'),
    ...more,
  }),
  massive: (
    variant: Variant,
    interval: string,
    exposers: readonly { readonly url: string }[],
    more: object = {},
  ) => ({
    job_name: variant,
    scrape_interval: interval,
    scrape_timeout: interval,
    honor_labels: true,
    static_configs: [{ targets: exposers.map(({ url }) => new URL(url).host) }],
    ...labelled(variant),
    ...more,
  }),
  ours: ({ url }: { readonly url: string }, more: object = {}) => ({
    job_name: 'ours',
    http_sd_configs: [{ url: `${url}/sd`, refresh_interval: '2s' }],
    ...labelled('ours'),
    ...more,
  }),
}
