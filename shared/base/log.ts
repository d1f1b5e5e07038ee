import type { Logger } from './logger.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_FORMATS = ['logfmt', 'json'] as const

type Level = (typeof LOG_LEVELS)[number]
type Fields = Readonly<Record<string, unknown>>

export interface LogOptions {
  readonly level: Level
  readonly format: (typeof LOG_FORMATS)[number]
  /** Where lines go; standard error by default. */
  readonly out?: { write(line: string): unknown }
}

/**
 * A logger that writes as Prometheus does: `time=2026-11-23T22:00:00.000Z level=INFO msg="…"
 * key=value`, or the same fields as JSON. Errors among the fields become their message. It never
 * throws.
 */
export function createLogger({ level: lowest, format, out = standardError() }: LogOptions): Logger {
  const line = format === 'json' ? JSON.stringify : logfmtLine
  const at = (level: Level): Logger['info'] => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return () => {}
    return (message, fields) => {
      const head = { time: new Date().toISOString(), level: level.toUpperCase(), msg: message }
      // The head comes first, and no field replaces it.
      out.write(`${line({ ...head, ...plain(fields ?? {}), ...head })}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** The fields as JSON can write them; one that it cannot write, such as a cycle, as `[unprintable]`. */
function plain(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (typeof value === 'bigint') return [key, String(value)]
      if (typeof value !== 'object') return [key, value]
      try {
        return [
          key,
          JSON.parse(JSON.stringify(value, (_, inner) => (inner instanceof Error ? inner.message : inner))),
        ]
      } catch {
        return [key, '[unprintable]']
      }
    }),
  )
}

function logfmtLine(fields: Fields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && typeof value !== 'function')
    .map(([key, value]) => `${key}=${logfmtValue(value)}`)
    .join(' ')
}

function logfmtValue(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  if (/^[^\s"=\\\p{Cc}]+$/u.test(text)) return text
  // JSON leaves some control characters that a terminal obeys.
  return JSON.stringify(text).replace(/[\x7f-\x9f]/g, c => `\\u00${c.charCodeAt(0).toString(16)}`)
}

let ignoresErrors = false

/** Writes to it are synchronous for files, pipes and terminals, so the lines before an exit arrive. */
function standardError(): NodeJS.WriteStream {
  if (!ignoresErrors) {
    // The reader of a pipe may end first: that must not end this process.
    process.stderr.on('error', () => {})
    ignoresErrors = true
  }
  return process.stderr
}
