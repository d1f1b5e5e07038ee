import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseDuration } from '../../shared/base/flags/duration.js'
import type { Problem } from '../../shared/base/flags/types.js'

/** A duration as Go writes it: `5m0s`. */
const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  context.addIssue({ code: 'custom', message: `${text} is not a duration; write it as 5m or 90s` })
  return z.NEVER
})

const schema = z.strictObject({
  port: z.int().min(0).max(65_535).optional(),
  metrics_path: z.string().startsWith('/').optional(),
  telemetry_path: z.string().startsWith('/').optional(),
  ingest_path: z.string().startsWith('/').optional(),
  tls_enabled: z.boolean().optional(),
  tls_key_path: z.string().optional(),
  tls_cert_path: z.string().optional(),
  redis: z
    .strictObject({
      endpoint: z.string().optional(),
      master_name: z.string().optional(),
      timeout: duration.optional(),
      expiration: duration.optional(),
      db: z.int().min(0).optional(),
      password: z.string().optional(),
      tls_enabled: z.boolean().optional(),
      tls_skip_verify: z.boolean().optional(),
      pool_size: z.unknown().optional(),
      idle_timeout: z.unknown().optional(),
      max_connection_age: z.unknown().optional(),
    })
    .optional(),
})

/** The configuration file of PushGatewayRedis. */
export type ConfigFile = z.infer<typeof schema>

/** Settings that have no effect: one connection is kept to each node. */
export const IGNORED = ['pool_size', 'idle_timeout', 'max_connection_age'] as const

/** @param path of the file; undefined: an empty configuration */
export function readConfigFile(path: string | undefined): ConfigFile | Problem[] {
  const problem = (message: string): Problem => ({
    flag: '--config.file',
    message: `${path}: ${message}`,
  })
  if (path === undefined) return {}
  try {
    const result = schema.safeParse(parse(readFileSync(path, 'utf8')) ?? {})
    if (result.success) return result.data
    return result.error.issues.map(issue =>
      problem(`${issue.path.join('.') || 'the file'}: ${issue.message}`),
    )
  } catch (error) {
    return [problem((error as Error).message)]
  }
}
