/**
 * The Prometheus configuration of the pipeline: all virtual targets, by service discovery through
 * the load balancer, and the telemetry of the shards. Intervals are short, so that samples appear
 * soon.
 */
export function scrapeConfig(front: string, shards: readonly string[]): object {
  return {
    global: {
      scrape_interval: '5s',
      scrape_timeout: '5s',
      scrape_protocols: ['PrometheusText1.0.0', 'PrometheusText0.0.4'],
    },
    scrape_configs: [
      { job_name: 'kafka', http_sd_configs: [{ url: `${front}/sd`, refresh_interval: '2s' }] },
      {
        job_name: 'kafka-exposer',
        metrics_path: '/telemetry',
        static_configs: [{ targets: shards.map(url => new URL(url).host) }],
      },
    ],
  }
}
