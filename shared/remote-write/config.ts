import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseDuration } from '../base/flags/duration.js'
import { readDocument, YamlError } from '../base/yaml/document.mjs'
import {
  type HttpClientFields,
  httpClientFields,
  httpClientProblems,
} from '../http/client/schema.js'
import type { Label } from '../metrics/model.js'
import type { NameScheme } from '../metrics/relabel/rule.js'
import { relabelConfigs, rulesOf } from '../metrics/relabel/schema.js'
import type { RemoteOptions } from './manager.js'
import { Relabelling } from './relabelling.js'

/** All problems of a file, one line each, with the path of the value. */
export class RemoteWriteConfigError extends Error {
  override readonly name = 'RemoteWriteConfigError'
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
  }
}

/** A receiver as it is configured. */
export interface RemoteConfig {
  readonly remote: RemoteOptions
  readonly http: HttpClientFields
  /** Folder to which relative paths refer. */
  readonly folder: string
  readonly exemplars: boolean
  readonly nativeHistograms: boolean
  /** Null without any rule. */
  readonly relabelling: Relabelling | null
}

export interface RemoteWriteConfig {
  readonly external: readonly Label[]
  readonly remotes: readonly RemoteConfig[]
}

const duration = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const ms = parseDuration(text)
      if (ms !== undefined) return ms
      context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not a duration` })
      return z.NEVER
    })
const count = (fallback: number, most: number) => z.int().min(1).max(most).default(fallback)

const unsupported = (remedy: string) => z.never({ error: remedy }).optional()

/** Prometheus's largest requests have some thousand samples; one is encoded in one step. */
const MAX_SAMPLES_PER_SEND = 20_000

/** The default of `--remote-write.isolation-limit`. */
const ISOLATION_LIMIT_MS = 10 * 60_000

const queueConfig = z.strictObject({
  capacity: count(10_000, 10_000_000),
  max_shards: count(50, 1000),
  min_shards: count(1, 1000),
  max_samples_per_send: count(2000, MAX_SAMPLES_PER_SEND),
  batch_send_deadline: duration('5s'),
  min_backoff: duration('30ms'),
  max_backoff: duration('5s'),
  retry_on_http_429: z.boolean().default(true),
  sample_age_limit: duration('0s'),
})

const metadataConfig = z.strictObject({
  send: z.boolean().default(true),
  send_interval: duration('1m'),
  max_samples_per_send: count(2000, MAX_SAMPLES_PER_SEND),
})

const PROTOCOLS = {
  'prometheus.WriteRequest': '1.0',
  'io.prometheus.write.v2.Request': '2.0',
} as const

const remoteWrite = z
  .strictObject({
    url: z.string().superRefine((text, context) => {
      if (!/^https?:\/\//.test(text) || !URL.canParse(text))
        context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not an http URL` })
    }),
    remote_timeout: duration('30s').refine(ms => ms > 0, { error: 'must be more than 0s' }),
    headers: z.record(z.string(), z.string()).default({}),
    name: z.string().optional(),
    send_exemplars: z.boolean().default(false),
    send_native_histograms: z.boolean().default(false),
    round_robin_dns: z.boolean().optional(),
    protobuf_message: z
      .enum(['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'])
      .optional(),
    queue_config: queueConfig.prefault({}),
    metadata_config: metadataConfig.prefault({}),
    write_relabel_configs: relabelConfigs.default([]),
    sigv4: unsupported('is not supported: sign requests in a proxy, such as aws-sigv4-proxy'),
    azuread: unsupported('is not supported: authenticate in a proxy'),
    google_iam: unsupported('is not supported: authenticate in a proxy'),
    ...httpClientFields,
  })
  .superRefine((fields, context) => {
    for (const message of httpClientProblems(fields)) context.addIssue({ code: 'custom', message })
    if (fields.queue_config.min_shards > fields.queue_config.max_shards)
      context.addIssue({
        code: 'custom',
        path: ['queue_config', 'min_shards'],
        message: 'is more than max_shards',
      })
  })

/** The list `remote_write` of a Prometheus configuration. */
const remoteWriteList = z.array(remoteWrite).superRefine((list, context) => {
  const names = new Map<string, number>()
  for (const [i, one] of list.entries()) {
    const name = nameOf(one)
    const other = names.get(name)
    if (other !== undefined)
      context.addIssue({
        code: 'custom',
        path: [i, 'name'],
        message: `is that of number ${other} too: give each receiver a name of its own`,
      })
    names.set(name, i)
  }
})

const file = z.strictObject({
  global: z
    .strictObject({
      external_labels: z
        .record(z.string(), z.string())
        .default({})
        .superRefine((labels, context) => {
          for (const name of ['', '__name__'])
            if (name in labels)
              context.addIssue({ code: 'custom', message: `"${name}" is not the name of a label` })
        }),
    })
    .prefault({}),
  remote_write: remoteWriteList,
})

type Fields = z.infer<typeof remoteWrite>

const nameOf = ({ name, url }: Pick<Fields, 'name' | 'url'>): string =>
  name ?? createHash('sha256').update(url).digest('hex').slice(0, 6)

const MAX_NAME = 100
/** End of the names of the groups for the topic of writes. */
export const WRITES_SUFFIX = '-writes'

/**
 * What is wrong with the name of a receiver of an exposer, of which the names of its two consumer
 * groups are made; undefined if nothing is. With the suffix of one group it would be the other one
 * of another receiver.
 */
export function nameProblem(name: string): string | undefined {
  if (!/^[a-zA-Z0-9._-]+$/.test(name))
    return `${JSON.stringify(name.slice(0, MAX_NAME))} must have letters, digits, dots, dashes and underscores only, because consumer groups are named after it`
  if (name.length > MAX_NAME) return `must have at most ${MAX_NAME} characters`
  if (name.endsWith(WRITES_SUFFIX))
    return `"${name}" must not end with ${WRITES_SUFFIX}, as the consumer groups for the topic of writes do`
  return undefined
}

/**
 * Parses a file with Prometheus's list `remote_write`, and `external_labels` in `global`. Unknown
 * keys are errors.
 *
 * @param folder to which relative paths refer
 * @throws RemoteWriteConfigError
 */
export function parseRemoteWriteFile(text: string, folder = '.'): RemoteWriteConfig {
  const result = file.safeParse(contentOf(text))
  if (!result.success) throw new RemoteWriteConfigError(result.error.issues.flatMap(problemsOf))
  const { global, remote_write } = result.data
  const problems = remote_write.flatMap(({ name }, i) => {
    const problem = name === undefined ? undefined : nameProblem(name)
    return problem === undefined ? [] : [`remote_write.${i}.name: ${problem}`]
  })
  if (problems.length > 0) throw new RemoteWriteConfigError(problems)
  const remotes = remotesOf(remote_write, folder, 'utf8')
  return { external: labelsOf(global.external_labels), remotes }
}

function contentOf(text: string): unknown {
  try {
    return readDocument(text) ?? {}
  } catch (error) {
    throw error instanceof YamlError ? new RemoteWriteConfigError(error.problems) : error
  }
}

/**
 * The receivers of a list `remote_write` that was read from a file.
 *
 * @param names that relabelling may give to labels
 * @throws RemoteWriteConfigError
 */
export function parseRemoteWriteList(
  list: readonly unknown[],
  folder = '.',
  names: NameScheme = 'utf8',
): RemoteConfig[] {
  const result = z.strictObject({ remote_write: remoteWriteList }).safeParse({ remote_write: list })
  if (!result.success) throw new RemoteWriteConfigError(result.error.issues.flatMap(problemsOf))
  return remotesOf(result.data.remote_write, folder, names)
}

/** Labels sorted by name, as in a configuration. */
const labelsOf = (labels: Readonly<Record<string, string>>): Label[] =>
  Object.entries(labels)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))

function remotesOf(
  list: z.infer<typeof remoteWriteList>,
  folder: string,
  names: NameScheme,
): RemoteConfig[] {
  const problems: string[] = []
  const remotes = list.map((fields, number): RemoteConfig => {
    const { queue_config: queue, metadata_config: metadata, protobuf_message } = fields
    const rules = rulesOf(fields.write_relabel_configs, names, (i, key, problem) =>
      problems.push(`remote_write.${number}.write_relabel_configs.${i}.${key}: ${problem}`),
    )
    return {
      http: fields,
      folder,
      exemplars: fields.send_exemplars,
      nativeHistograms: fields.send_native_histograms,
      relabelling: rules.length > 0 ? new Relabelling(rules) : null,
      remote: {
        name: nameOf(fields),
        url: new URL(fields.url),
        protocol: protobuf_message ? PROTOCOLS[protobuf_message] : '2.0',
        timeoutMs: fields.remote_timeout,
        headers: lowerCased(fields.headers),
        metadataIntervalMs: metadata.send ? metadata.send_interval : 0,
        isolationLimitMs: ISOLATION_LIMIT_MS,
        queue: {
          capacity: queue.capacity,
          minShards: queue.min_shards,
          maxShards: queue.max_shards,
          maxSamplesPerSend: queue.max_samples_per_send,
          batchSendDeadlineMs: queue.batch_send_deadline,
          minBackoffMs: queue.min_backoff,
          maxBackoffMs: queue.max_backoff,
          retryOn429: queue.retry_on_http_429,
          sampleAgeLimitMs: queue.sample_age_limit,
        },
      },
    }
  })
  if (problems.length > 0) throw new RemoteWriteConfigError(problems)
  return remotes
}

const lowerCased = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => `${path ? `${path}.` : ''}${key}: unknown key`)
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return [`${path || 'the file'}: ${isMissing ? 'is required' : issue.message}`]
}
