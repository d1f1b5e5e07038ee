import { z } from 'zod'
import { httpClientFields, httpClientProblems } from '../../../shared/http/client/schema.js'
import { relabelConfigs } from '../../../shared/metrics/relabel/schema.js'
import { targetGroupFields } from '../discovery/target-group.js'
import { duration, limit, size } from './fields.js'
import { ESCAPING_SCHEMES, PROTOCOL_NAMES } from './protocols.js'

const protocol = z.enum(PROTOCOL_NAMES, {
  error: issue =>
    `unknown scrape protocol ${JSON.stringify(issue.input)}, supported: ${PROTOCOL_NAMES.join(', ')}`,
})

const protocols = z
  .array(protocol)
  .min(1, 'scrape_protocols cannot be empty')
  .refine(list => new Set(list).size === list.length, {
    error: 'duplicated protocol in scrape_protocols',
  })

/** Fields that `global` and a scrape configuration have. */
export const commonFields = {
  scrape_interval: duration.optional(),
  scrape_timeout: duration.optional(),
  scrape_protocols: protocols.optional(),
  body_size_limit: size.default(0),
  sample_limit: limit.default(0),
  target_limit: limit.default(0),
  label_limit: limit.default(0),
  label_name_length_limit: limit.default(0),
  label_value_length_limit: limit.default(0),
  keep_dropped_targets: limit.default(0),
  metric_name_validation_scheme: z.enum(['', 'utf8', 'legacy']).default(''),
  metric_name_escaping_scheme: z.enum(['', ...ESCAPING_SCHEMES]).default(''),
  scrape_native_histograms: z.boolean().optional(),
  always_scrape_classic_histograms: z.boolean().optional(),
  convert_classic_histograms_to_nhcb: z.boolean().optional(),
  extra_scrape_metrics: z.boolean().optional(),
  scrape_failure_log_file: z.string().optional(),
}

const refreshInterval = duration.refine(ms => ms > 0, { error: 'must not be 0' })

const FILE_NAME = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/

const fileSdConfig = z.strictObject({
  files: z
    .array(
      z.string().refine(name => FILE_NAME.test(name), {
        error: issue => `path name ${JSON.stringify(issue.input)} is not valid for file discovery`,
      }),
    )
    .min(1, 'file service discovery config must contain at least one path name'),
  refresh_interval: refreshInterval.default(300_000),
})

const httpSdConfig = z
  .strictObject({
    url: z
      .string()
      .refine(text => URL.canParse(text), { error: 'is not a URL' })
      .refine(text => /^https?:\/\/./.test(text), {
        error: "URL scheme must be 'http' or 'https'",
      }),
    refresh_interval: refreshInterval.default(60_000),
    ...httpClientFields,
  })
  .superRefine((fields, context) => {
    for (const message of httpClientProblems(fields)) context.addIssue({ code: 'custom', message })
  })

/** An entry of `scrape_configs`. */
export const jobFields = z
  .strictObject({
    job_name: z.string({ error: 'job_name is empty' }).min(1, 'job_name is empty'),
    ...commonFields,
    honor_labels: z.boolean().default(false),
    honor_timestamps: z.boolean().default(true),
    track_timestamps_staleness: z.boolean().default(false),
    params: z.record(z.string(), z.array(z.string())).default({}),
    fallback_scrape_protocol: protocol.optional(),
    metrics_path: z.string().default('/metrics'),
    scheme: z.enum(['http', 'https']).default('http'),
    enable_compression: z.boolean().default(true),
    native_histogram_bucket_limit: limit.optional(),
    native_histogram_min_bucket_factor: z.number().optional(),
    ...httpClientFields,
    static_configs: z.array(targetGroupFields).default([]),
    file_sd_configs: z.array(fileSdConfig).default([]),
    http_sd_configs: z.array(httpSdConfig).default([]),
    relabel_configs: relabelConfigs.default([]),
    metric_relabel_configs: relabelConfigs.default([]),
  })
  .superRefine((fields, context) => {
    for (const message of httpClientProblems(fields)) context.addIssue({ code: 'custom', message })
  })

export type JobFields = z.infer<typeof jobFields>
export type FileSdFields = z.infer<typeof fileSdConfig>
export type HttpSdFields = z.infer<typeof httpSdConfig>
