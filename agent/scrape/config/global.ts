import { z } from 'zod'
import { duration } from './fields.js'
import { commonFields } from './job-fields.js'

const DEFAULT_INTERVAL_MS = 60_000
const DEFAULT_TIMEOUT_MS = 10_000

/** The section `global`. Rules are not evaluated, so what belongs to them has no effect. */
export const globalFields = z
  .strictObject({
    ...commonFields,
    external_labels: z.record(z.string(), z.string()).default({}),
    evaluation_interval: duration.optional(),
    rule_query_offset: duration.optional(),
    query_log_file: z.string().optional(),
  })
  .transform((fields, context) => {
    const intervalMs = fields.scrape_interval || DEFAULT_INTERVAL_MS
    if ((fields.scrape_timeout ?? 0) > intervalMs)
      context.addIssue({
        code: 'custom',
        path: ['scrape_timeout'],
        message: 'global scrape timeout greater than scrape interval',
      })
    return {
      ...fields,
      scrape_interval: intervalMs,
      scrape_timeout: fields.scrape_timeout || Math.min(DEFAULT_TIMEOUT_MS, intervalMs),
      metric_name_validation_scheme: fields.metric_name_validation_scheme || ('utf8' as const),
    }
  })

export type GlobalFields = z.infer<typeof globalFields>
