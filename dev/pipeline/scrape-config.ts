/**
 * The Prometheus configuration of one machine: every virtual target as the front's service discovery lists it, and the
 * shards themselves. Intervals are short because somebody waits for the first samples.
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
