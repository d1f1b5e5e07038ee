import type { Logger } from './logger.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_FORMATS = ['logfmt', 'json'] as const

type Level = (typeof LOG_LEVELS)[number]
type Fields = Readonly<Record<string, unknown>>

export interface LogOptions {
  readonly level: Level
  readonly format: (typeof LOG_FORMATS)[number]
  /** Destination of the lines. Default: standard error. */
  readonly out?: { write(line: string): unknown }
}

/**
 * A logger in the format of Prometheus: `time=2026-11-23T22:00:00.000Z level=INFO msg="…"
 * key=value`, or the same fields as JSON. Of an error in a field it writes the message. It never
 * throws.
 */
export function createLogger({ level: lowest, format, out = standardError() }: LogOptions): Logger {
  const line = format === 'json' ? JSON.stringify : logfmtLine
  const at = (level: Level): Logger['info'] => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return () => {}
    return (message, fields) => {
      const head = { time: new Date().toISOString(), level: level.toUpperCase(), msg: message }
      // Spread twice: first, so that its keys lead; last, so that no field overrides it.
      out.write(`${line({ ...head, ...plain(fields ?? {}), ...head })}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/**
 * Makes fields encodable as JSON. A field that is not, such as a cycle, becomes `[unprintable]`.
 */
function plain(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (typeof value === 'bigint') return [key, String(value)]
      if (typeof value !== 'object') return [key, value]
      try {
        return [
          key,
          JSON.parse(
            JSON.stringify(value, (_, inner) => (inner instanceof Error ? inner.message : inner)),
          ),
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
  // JSON.stringify does not escape the C1 control characters, which terminals interpret.
  return JSON.stringify(text).replace(/[\x7f-\x9f]/g, c => `\\u00${c.charCodeAt(0).toString(16)}`)
}

let ignoresErrors = false

/** Node.js writes to it synchronously, so that no line before an exit is lost. */
function standardError(): NodeJS.WriteStream {
  if (!ignoresErrors) {
    // If the reader of the pipe exits, this process must go on.
    process.stderr.on('error', () => {})
    ignoresErrors = true
  }
  return process.stderr
}
