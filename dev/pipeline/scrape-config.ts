/**
 * The Prometheus configuration of the pipeline: all virtual targets, by service discovery through
 * the load balancer, and the telemetry of the other programs. Intervals are short, so that
 * samples appear soon.
 *
 * @param options.timestamps whether samples of virtual targets have timestamps
 */
export function scrapeConfig(
  front: string,
  {
    shards,
    gateways,
    agents,
  }: Readonly<Record<'shards' | 'gateways' | 'agents', readonly string[]>>,
  { timestamps }: { readonly timestamps: boolean },
): object {
  return {
    global: {
      scrape_interval: '5s',
      scrape_timeout: '5s',
      scrape_protocols: ['PrometheusText1.0.0', 'PrometheusText0.0.4'],
    },
    scrape_configs: [
      {
        job_name: 'kafka',
        http_sd_configs: [{ url: `${front}/sd`, refresh_interval: '2s' }],
        ...(timestamps && { track_timestamps_staleness: true }),
      },
      telemetry('kafka-exposer', shards),
      telemetry('kafka-exposer-gateway', gateways),
      telemetry('kafka-exposer-agent', agents, '/metrics'),
    ],
  }
}

const telemetry = (job: string, urls: readonly string[], path = '/telemetry'): object => ({
  job_name: job,
  metrics_path: path,
  static_configs: [{ targets: urls.map(url => new URL(url).host) }],
})
