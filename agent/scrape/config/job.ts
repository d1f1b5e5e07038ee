import { formatDuration } from '../../../shared/base/flags/duration.js'
import type { HttpClientFields } from '../../../shared/http/client/schema.js'
import type { NameScheme, Rule } from '../../../shared/metrics/relabel/rule.js'
import { rulesOf } from '../../../shared/metrics/relabel/schema.js'
import type { TargetGroup } from '../discovery/target-group.js'
import type { GlobalFields } from './global.js'
import type { FileSdFields, HttpSdFields, JobFields } from './job-fields.js'
import { DEFAULT_PROTOCOLS, type EscapingScheme, type Protocol } from './protocols.js'

/** Limits of one scrape, as Prometheus has them; 0 for none. */
export interface ScrapeLimits {
  /** Bytes of an uncompressed body. */
  readonly body: number
  /** Samples after metric relabelling. */
  readonly samples: number
  readonly labels: number
  readonly labelNameBytes: number
  readonly labelValueBytes: number
}

/** A scrape configuration, complete and valid. Times in milliseconds. */
export interface ScrapeJob {
  readonly name: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  readonly params: Readonly<Record<string, readonly string[]>>
  readonly protocols: readonly Protocol[]
  readonly fallbackProtocol: Protocol | undefined
  readonly metricsPath: string
  readonly scheme: 'http' | 'https'
  readonly compression: boolean
  readonly limits: ScrapeLimits
  /** Targets after relabelling; more fail all scrapes of the job. 0: no limit. */
  readonly targetLimit: number
  /** Dropped targets that are shown; 0: no limit. */
  readonly keepDropped: number
  readonly names: NameScheme
  readonly escaping: EscapingScheme
  readonly http: HttpClientFields
  /** Folder to which relative paths refer. */
  readonly folder: string
  readonly relabelRules: readonly Rule[]
  readonly metricRelabelRules: readonly Rule[]
  readonly groups: readonly TargetGroup[]
  readonly fileDiscoveries: readonly FileSdFields[]
  readonly httpDiscoveries: readonly HttpSdFields[]
}

type Problem = readonly [path: readonly PropertyKey[], message: string]

/** The job of a scrape configuration, or its problems. Defaults are those of `global`. */
export function jobOf(
  fields: JobFields,
  global: GlobalFields,
  folder: string,
): { job: ScrapeJob } | { problems: readonly Problem[] } {
  const problems: Problem[] = []
  const intervalMs = fields.scrape_interval || global.scrape_interval
  const timeoutMs = fields.scrape_timeout || Math.min(global.scrape_timeout, intervalMs)
  if (timeoutMs > intervalMs)
    problems.push([
      ['scrape_timeout'],
      `scrape timeout greater than scrape interval for scrape config with job name ${JSON.stringify(fields.job_name)} (${formatDuration(timeoutMs)} > ${formatDuration(intervalMs)})`,
    ])
  const names = fields.metric_name_validation_scheme || global.metric_name_validation_scheme
  const escaping = escapingOf(fields, global)
  if (escaping === 'allow-utf-8' && names === 'legacy')
    problems.push([
      ['metric_name_escaping_scheme'],
      'utf8 metric names requested but validation scheme is not set to UTF8',
    ])
  const rules = (key: 'relabel_configs' | 'metric_relabel_configs') =>
    rulesOf(fields[key], names, (i, field, problem) => problems.push([[key, i, field], problem]))
  const relabelRules = rules('relabel_configs')
  const metricRelabelRules = rules('metric_relabel_configs')
  if (fields.relabel_configs.length === 0) problems.push(...addressProblems(fields))
  if (problems.length > 0) return { problems }
  return {
    job: {
      name: fields.job_name,
      intervalMs,
      timeoutMs,
      honorLabels: fields.honor_labels,
      honorTimestamps: fields.honor_timestamps,
      params: fields.params,
      protocols: protocolsOf(fields, global),
      fallbackProtocol: fields.fallback_scrape_protocol,
      metricsPath: fields.metrics_path,
      scheme: fields.scheme,
      compression: fields.enable_compression,
      limits: {
        body: fields.body_size_limit || global.body_size_limit,
        samples: fields.sample_limit || global.sample_limit,
        labels: fields.label_limit || global.label_limit,
        labelNameBytes: fields.label_name_length_limit || global.label_name_length_limit,
        labelValueBytes: fields.label_value_length_limit || global.label_value_length_limit,
      },
      targetLimit: fields.target_limit || global.target_limit,
      keepDropped: fields.keep_dropped_targets || global.keep_dropped_targets,
      names,
      escaping,
      http: fields,
      folder,
      relabelRules,
      metricRelabelRules,
      groups: fields.static_configs.map((group, i) => ({ ...group, source: String(i) })),
      fileDiscoveries: fields.file_sd_configs,
      httpDiscoveries: fields.http_sd_configs,
    },
  }
}

function escapingOf(fields: JobFields, global: GlobalFields): EscapingScheme {
  const own = fields.metric_name_escaping_scheme
  if (own) return own
  const byNames = (names: NameScheme): EscapingScheme =>
    names === 'legacy' ? 'underscores' : 'allow-utf-8'
  return fields.metric_name_validation_scheme
    ? byNames(fields.metric_name_validation_scheme)
    : global.metric_name_escaping_scheme || byNames(global.metric_name_validation_scheme)
}

function protocolsOf(fields: JobFields, global: GlobalFields): readonly Protocol[] {
  const configured = fields.scrape_protocols ?? global.scrape_protocols
  if (configured) return configured
  const native = fields.scrape_native_histograms ?? global.scrape_native_histograms
  return native ? ['PrometheusProto', ...DEFAULT_PROTOCOLS] : DEFAULT_PROTOCOLS
}

/** URLs instead of addresses. Relabelling rules may make an address of them. */
function* addressProblems({ static_configs: groups }: JobFields): Generator<Problem> {
  for (const [g, { targets }] of groups.entries())
    for (const [t, target] of targets.entries())
      if (target.includes('/'))
        yield [
          ['static_configs', g, 'targets', t],
          `${JSON.stringify(target)} is not a valid hostname: write it as host:port`,
        ]
}
