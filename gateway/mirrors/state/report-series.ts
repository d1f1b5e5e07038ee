/** What a series is for a mirror, by its name. */
export const KIND = { ordinary: 0, up: 1, samples: 2, duration: 3, otherReport: 4 } as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/**
 * The series that a scraper adds to those of the target: of Prometheus, with its extra scrape
 * metrics, and of vmagent. A virtual target gets its own ones when it is scraped.
 *
 * @see https://prometheus.io/docs/concepts/jobs_instances/
 * @see https://prometheus.io/docs/prometheus/latest/feature_flags/#extra-scrape-metrics
 * @see https://docs.victoriametrics.com/victoriametrics/vmagent/#automatically-generated-metrics
 */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['up', KIND.up],
  ['scrape_samples_post_metric_relabeling', KIND.samples],
  ['scrape_duration_seconds', KIND.duration],
  ['scrape_samples_scraped', KIND.otherReport],
  ['scrape_series_added', KIND.otherReport],
  ['scrape_timeout_seconds', KIND.otherReport],
  ['scrape_sample_limit', KIND.otherReport],
  ['scrape_body_size_bytes', KIND.otherReport],
  ['scrape_response_size_bytes', KIND.otherReport],
  ['scrape_samples_limit', KIND.otherReport],
  ['scrape_labels_limit', KIND.otherReport],
  ['scrape_series_current', KIND.otherReport],
  ['scrape_series_limit', KIND.otherReport],
  ['scrape_series_limit_samples_dropped', KIND.otherReport],
])

/**
 * The kind of a series with this name, if its other labels are those of the `up` of the target. A
 * series with further labels is of the application: federation, for example, has `up` of others.
 */
export const kindOf = (name: string): Kind => KINDS.get(name) ?? KIND.ordinary
