import { parseJsonSteps } from '../../../shared/base/json-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import { type DocumentOptions, readDocument } from '../../../shared/base/yaml/document.mjs'
import type { YamlThread } from '../../../shared/base/yaml/thread.js'

const OPTIONS: DocumentOptions = {
  aliases: 1000,
  types: {
    numbers: new Set([
      'gogc',
      'keep_dropped_targets',
      'label_limit',
      'label_name_length_limit',
      'label_value_length_limit',
      'modulus',
      'native_histogram_bucket_limit',
      'native_histogram_min_bucket_factor',
      'sample_limit',
      'target_limit',
    ]),
    booleans: new Set([
      'always_scrape_classic_histograms',
      'convert_classic_histograms_to_nhcb',
      'enable_compression',
      'enable_http2',
      'extra_scrape_metrics',
      'follow_redirects',
      'honor_labels',
      'honor_timestamps',
      'insecure_skip_verify',
      'proxy_from_environment',
      'scrape_native_histograms',
      'track_timestamps_staleness',
    ]),
    textMaps: new Set(['labels', 'external_labels', 'params', 'endpoint_params', 'http_headers']),
    others: new Set(['remote_write', 'storage', 'tracing', 'otlp', 'alerting', 'remote_read']),
  },
}

/** Longer YAML is parsed on another thread: this takes about 5 ms. */
const SHORT_BYTES = 1024
/** 100,000 groups of targets with 20 labels have half as many. */
const LIMITS = { values: 5_000_000, textBytes: 1024 * 1024, keys: 10_000 }

/**
 * Parses YAML as Go's package does for the file of a Prometheus agent and for groups of targets.
 * Keys without a value are as if missing.
 *
 * @returns null for an empty document
 * @throws YamlError with all problems
 */
export function* readYamlSteps(content: Buffer, thread: YamlThread): Steps<unknown> {
  if (content.length <= SHORT_BYTES) return readDocument(content.toString(), OPTIONS)
  const json = yield thread.job(content, OPTIONS)
  return yield* parseJsonSteps(json!, LIMITS)
}
