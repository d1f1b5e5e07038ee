import { z } from 'zod'
import { parseDuration } from './duration.js'
import { parseSize } from './size.js'
import type { Flag } from './types.js'

interface CommonOptions {
  readonly help: string
  readonly placeholder?: string
  readonly short?: string
}
interface WithDefault extends CommonOptions {
  readonly default: string
}
interface Required extends CommonOptions {
  readonly required: true
}
type Options = CommonOptions & { readonly default?: string; readonly required?: boolean }

/** A flag with one value. Without a default, and if it is not required, it may be undefined. */
export function flag<T>(schema: z.ZodType<T, string>, options: WithDefault | Required): Flag<T>
export function flag<T>(schema: z.ZodType<T, string>, options: CommonOptions): Flag<T | undefined>
export function flag<T>(schema: z.ZodType<T, string>, options: Options): Flag<T | undefined> {
  return { kind: 'value', schema, ...options }
}

/**
 * A flag with several values, repeated or separated by commas. Without a default it may be empty.
 */
export function list<T>(schema: z.ZodType<T, string>, options: Options): Flag<readonly T[]> {
  return { kind: 'list', schema, ...options }
}

/** A boolean flag: `--x` and `--no-x`. */
export function switchFlag(options: { help: string; default?: 'true' | 'false' }): Flag<boolean> {
  return { kind: 'switch', default: 'false', schema: boolean, ...options }
}

/** A boolean flag that triggers an action, such as `--version`. It has no environment variable. */
export function actionFlag(help: string): Flag<boolean> {
  return { kind: 'switch', default: 'false', schema: boolean, help, commandLineOnly: true }
}

const boolean = z.string().transform((text, context) => {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  context.addIssue({ code: 'custom', message: `${quote(text)} is neither true nor false` })
  return z.NEVER
})

/** Any text except the empty one. */
export const text = z.string().min(1, 'must not be empty')

/** A duration in milliseconds, from text such as 15s, 2m, 1h30m, 500ms. */
export function duration(bounds: { readonly min?: string; readonly max?: string } = {}) {
  const min = bounds.min === undefined ? 0 : parseDuration(bounds.min)!
  const max = bounds.max === undefined ? Number.MAX_SAFE_INTEGER : parseDuration(bounds.max)!
  return z.string().transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms >= min && ms <= max) return ms
    const message =
      ms === undefined
        ? `${quote(text)} is not a duration; write it as 15s, 2m, 1h30m or 500ms`
        : `${text} is ${ms < min ? `shorter than ${bounds.min}` : `longer than ${bounds.max}`}`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

/** As `duration`, and also accepts one word, such as `auto`. */
export function durationOr<W extends string>(word: W, bounds: Parameters<typeof duration>[0] = {}) {
  const schema = duration(bounds)
  return z.string().transform((text, context): number | W => {
    if (text === word) return word
    const { data, error } = schema.safeParse(text)
    if (data !== undefined) return data
    context.addIssue({ code: 'custom', message: `${error?.issues[0].message}, or as ${word}` })
    return z.NEVER
  })
}

/** A size in bytes, from text such as 512KiB. */
export function size(bounds: { readonly min?: string; readonly max?: string } = {}) {
  const min = bounds.min === undefined ? 0 : parseSize(bounds.min)!
  const max = bounds.max === undefined ? Number.MAX_SAFE_INTEGER : parseSize(bounds.max)!
  return z.string().transform((text, context) => {
    const bytes = parseSize(text)
    if (bytes !== undefined && bytes >= min && bytes <= max) return bytes
    const message =
      bytes === undefined
        ? `${quote(text)} is not a size; write it as 512KiB or 8MiB`
        : `${text} is ${bytes < min ? `less than ${bounds.min}` : `more than ${bounds.max}`}`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

export function integer(min: number, max: number) {
  return z.string().transform((text, context) => {
    const n = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
    if (n >= min && n <= max) return n
    context.addIssue({
      code: 'custom',
      message: `${quote(text)} is not an integer from ${min} to ${max}`,
    })
    return z.NEVER
  })
}

export function choice<const T extends string>(...names: readonly T[]) {
  return z.string().transform((text, context): T => {
    const found = names.find(name => name === text)
    if (found !== undefined) return found
    context.addIssue({
      code: 'custom',
      message: `${quote(text)} is not one of ${names.join(', ')}`,
    })
    return z.NEVER
  })
}

/** An http or https URL without query and fragment. A trailing slash is removed. */
export const httpUrl = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const problem = urlProblem(text, url)
  if (!problem) return url!.href.replace(/\/+$/, '')
  context.addIssue({ code: 'custom', message: problem })
  return z.NEVER
})

function urlProblem(text: string, url: URL | undefined): string | undefined {
  if (!url || !/^https?:\/\//i.test(text))
    return `${quote(text)} is not a URL; write it as http://host:9754`
  if (url.search || url.hash) return `${quote(text)} must not have a query or a fragment`
  if (url.username || url.password) return 'must not contain a user name or password'
  return undefined
}

export interface ListenAddress {
  /** Undefined for all interfaces. */
  readonly host: string | undefined
  /** 0 for any free port. */
  readonly port: number
}

/** An address in the format of Prometheus: `:9754`, `127.0.0.1:9754` or `[::1]:9754`. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (match && Number(match[3]) <= 65_535)
    return { host: match[1] ?? (match[2] || undefined), port: Number(match[3]) }
  context.addIssue({
    code: 'custom',
    message: `${quote(text)} is not an address to listen on; write it as :9754, 127.0.0.1:9754 or [::1]:9754`,
  })
  return z.NEVER
})

/** The address of a broker: `host:port`. */
export const hostPort = z
  .string()
  .trim()
  .regex(/^(\[[^\]]+\]|[^:[\]\s/]+):\d{1,5}$/, {
    error: issue =>
      `${quote(String(issue.input))} is not the address of a broker; write it as host:9092 or [::1]:9092`,
  })

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
