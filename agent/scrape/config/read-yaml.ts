import { isScalar, type Pair, parseDocument, type Scalar, visit } from 'yaml'
import { ScrapeConfigError } from './problem.js'

/** Keys whose values are numbers. The text of any other number is kept: `version: 1.10`. */
const NUMBERS = new Set([
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
])
const BOOLEANS = new Set([
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
])
/** Keys of maps with arbitrary names. */
const TEXT_MAPS = new Set([
  'labels',
  'external_labels',
  'params',
  'endpoint_params',
  'http_headers',
])
/** Sections that are read by others, with the types of YAML. */
const OTHERS = new Set(['remote_write', 'storage', 'tracing', 'otlp', 'alerting', 'remote_read'])

const MAX_BYTES = 16 * 1024 * 1024

/**
 * Parses YAML as Go's package does for a configuration: a scalar is a text where a text is expected,
 * `yes` and `on` are booleans where one is expected, and keys without a value are as if missing.
 *
 * @throws ScrapeConfigError
 */
export function readYaml(text: string): unknown {
  if (text.length > MAX_BYTES) throw new ScrapeConfigError(['the file is longer than 16 MiB'])
  const document = parseDocument(text, { merge: true })
  if (document.errors.length > 0)
    throw new ScrapeConfigError(
      document.errors.map(error => error.message.split('\n', 1)[0].replace(/:$/, '')),
    )
  visit(document, {
    Scalar(_, node, ancestors) {
      const keys = ancestors.flatMap(ancestor => keyOf(ancestor as Pair))
      if (!OTHERS.has(keys[0])) retype(node, keys)
    },
  })
  try {
    return withoutNulls(document.toJS({ maxAliasCount: 1000 }))
  } catch (error) {
    throw new ScrapeConfigError([(error as Error).message])
  }
}

const keyOf = ({ key, value }: Pair): string[] =>
  value !== undefined && isScalar(key) ? [String(key.value)] : []

function retype(node: Scalar, keys: readonly string[]): void {
  const { value, source } = node
  const isInTextMap = keys.slice(0, -1).some(key => TEXT_MAPS.has(key))
  const key = isInTextMap ? '' : (keys.at(-1) ?? '')
  if (typeof value === 'string' && BOOLEANS.has(key) && node.type === 'PLAIN') {
    if (/^(y|yes|on)$/i.test(value)) node.value = true
    if (/^(n|no|off)$/i.test(value)) node.value = false
  }
  const isTyped =
    (typeof value === 'number' && NUMBERS.has(key)) ||
    (typeof value === 'boolean' && BOOLEANS.has(key))
  if ((typeof value === 'number' || typeof value === 'boolean') && !isTyped)
    node.value = source ?? String(value)
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}
