import { type DestinationStream, destination, pino } from 'pino'
import type { Logger } from './logger.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_FORMATS = ['logfmt', 'json'] as const

export interface LogOptions {
  readonly level: (typeof LOG_LEVELS)[number]
  readonly format: (typeof LOG_FORMATS)[number]
  /** Where lines go; standard error without one. */
  readonly out?: DestinationStream
}

/**
 * A logger that writes as Prometheus does: `time=2026-11-23T22:00:00.000Z level=INFO msg="…" key=value`, or the same as JSON.
 * Errors among the fields become their message.
 */
export function createLogger(options: LogOptions): Logger {
  // Synchronous: few lines are written, and the last ones before an exit matter most.
  const out = options.out ?? destination({ fd: 2, sync: true })
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label.toUpperCase() }) },
    },
    options.format === 'json' ? out : { write: (line: string) => out.write(logfmtOf(line)) },
  )
  const at =
    (level: LogOptions['level']): Logger['info'] =>
    (message, fields) =>
      fields ? log[level](plain(fields), message) : log[level](message)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function plain(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]),
  )
}

/** One line of pino's JSON as logfmt: time, level and message first, as Prometheus has them. */
function logfmtOf(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const pairs = Object.entries({ time, level, msg, ...fields })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${logfmtValue(value)}`)
  return `${pairs.join(' ')}\n`
}

function logfmtValue(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  if (/^[^\s"=\\\p{Cc}]+$/u.test(text)) return text
  // Not all that a terminal would obey is escaped by JSON.
  return JSON.stringify(text).replace(/[\x7f-\x9f]/g, c => `\\u00${c.charCodeAt(0).toString(16)}`)
}
