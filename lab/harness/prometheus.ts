import type { Sample, Series } from '../../dev/local/prometheus/api.js'
import type { LocalPrometheus } from '../../dev/local/prometheus.js'
import type { Variant } from '../types.js'
import { type Usage, usageOf } from './usage.js'

/** Selects the series of the lab's scrape jobs: each job sets the label `variant`. */
export const VARIANT_SELECTOR = '{variant!=""}'

/** The Prometheus server of an experiment. */
export class LabPrometheus {
  constructor(private readonly local: LocalPrometheus) {}

  get url(): string {
    return this.local.url
  }

  usage(): Usage {
    return usageOf(this.local.pid)
  }

  query(promql: string, time?: number): Promise<Sample[]> {
    return this.local.query(promql, time)
  }

  queryRange(
    promql: string,
    range: { start: number; end: number; step: number },
  ): Promise<Series[]> {
    return this.local.queryRange(promql, range)
  }

  /** The value of the first series of an instant query. NaN if the result is empty. */
  async queryValue(promql: string, time?: number): Promise<number> {
    const [sample] = await this.local.query(promql, time)
    return sample ? Number(sample.value[1]) : Number.NaN
  }

  /**
   * The stored samples of the last `seconds` by a range selector.
   *
   * @returns `[Unix seconds, value]` by series; the key is the JSON of its labels
   */
  async querySamples(selector: string, seconds: number): Promise<Map<string, [number, number][]>> {
    const result = await this.local.query(`${selector}[${Math.ceil(seconds)}s]`)
    return new Map(
      result.map(series => {
        const { values } = series as unknown as { values: [number, string][] }
        return [JSON.stringify(series.metric), values.map(([at, value]) => [at, Number(value)])]
      }),
    )
  }

  /** SIGKILL. The stored samples remain. */
  kill(): Promise<void> {
    return this.local.kill()
  }

  /** Starts the killed server again, with its samples, and waits until it is ready. */
  restart(): Promise<void> {
    return this.local.restart()
  }

  stop(): Promise<void> {
    return this.local.stop()
  }
}

/** Flags of a Prometheus server that receives remote write. */
export const RECEIVER_FLAGS = ['--web.enable-remote-write-receiver']

/**
 * Configuration of an exposer that sends to Prometheus servers. The variant becomes a label, as
 * with the scrape jobs.
 */
export const remoteWriteConfig = (receivers: readonly LabPrometheus[]) => ({
  global: { external_labels: { variant: 'remote write' satisfies Variant } },
  remote_write: receivers.map(({ url }, i) => ({
    url: `${url}/api/v1/write`,
    name: `receiver-${i + 1}`,
    queue_config: { batch_send_deadline: '1s' },
  })),
})

const variantLabel = (variant: Variant) => ({
  relabel_configs: [{ target_label: 'variant', replacement: variant }],
})

/**
 * The `global` section of a configuration: interval, timeout and format of all jobs that set none.
 */
export const globalConfig = (interval: string) => ({
  scrape_interval: interval,
  scrape_timeout: interval,
  scrape_protocols: ['PrometheusText0.0.4'],
})

/**
 * Scrape jobs of the variants. They differ only in what they scrape. Each job attaches its variant
 * as a label, so that one Prometheus server can hold all variants.
 */
export const job = {
  direct: (
    interval: string,
    apps: readonly { readonly url: string }[],
    overrides: object = {},
  ) => ({
    job_name: 'direct',
    scrape_interval: interval,
    scrape_timeout: interval,
    http_sd_configs: apps.map(({ url }) => ({ url: `${url}/sd`, refresh_interval: '2s' })),
    ...variantLabel('direct'),
    ...overrides,
  }),
  massive: (
    variant: Variant,
    interval: string,
    exposers: readonly { readonly url: string }[],
    overrides: object = {},
  ) => ({
    job_name: variant,
    scrape_interval: interval,
    scrape_timeout: interval,
    honor_labels: true,
    static_configs: [{ targets: exposers.map(({ url }) => new URL(url).host) }],
    ...variantLabel(variant),
    ...overrides,
  }),
  virtualTargets: ({ url }: { readonly url: string }, overrides: object = {}) => ({
    job_name: 'kafka-exposer',
    http_sd_configs: [{ url: `${url}/sd`, refresh_interval: '2s' }],
    ...variantLabel('kafka-exposer'),
    ...overrides,
  }),
}
