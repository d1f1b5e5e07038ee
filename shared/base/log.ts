import type { Logger } from './logger.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_FORMATS = ['logfmt', 'json'] as const

type Level = (typeof LOG_LEVELS)[number]
type Fields = Readonly<Record<string, unknown>>

export interface LogOptions {
  readonly level: Level
  readonly format: (typeof LOG_FORMATS)[number]
  /** Destination of the lines. Default: standard error. */
  readonly out?: {
    write(line: string): unknown
    /** Bytes that were written and not read yet. */
    readonly writableLength?: number
  }
}

/** Bytes that may wait for a reader that has stopped reading, such as a suspended log collector. */
const MAX_WAITING_BYTES = 1024 * 1024

/**
 * A logger in the format of Prometheus: `time=2026-11-23T22:00:00.000Z level=INFO msg="…"
 * key=value`, or the same fields as JSON. Of an error in a field it writes the message. It never
 * throws. While 1 MiB waits to be read, further messages are lost; how many is logged afterwards.
 */
export function createLogger({ level: lowest, format, out = standardError() }: LogOptions): Logger {
  const line = format === 'json' ? JSON.stringify : logfmtLine
  let lost = 0
  const write = (level: Level, message: string, fields: Fields = {}) => {
    const head = { time: new Date().toISOString(), level: level.toUpperCase(), msg: message }
    // Spread twice: first, so that its keys lead; last, so that no field overrides it.
    out.write(`${line({ ...head, ...plain(fields), ...head })}\n`)
  }
  const at = (level: Level): Logger['info'] => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return () => {}
    return (message, fields) => {
      if ((out.writableLength ?? 0) >= MAX_WAITING_BYTES) {
        lost++
        return
      }
      if (lost > 0)
        write('warn', 'Log messages were lost: their reader had stopped reading', { lost })
      lost = 0
      write(level, message, fields)
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

/**
 * Node.js writes to it at once, so that no line before an exit is lost, unless its reader has stopped
 * reading.
 */
function standardError(): NodeJS.WriteStream {
  if (!ignoresErrors) {
    // If the reader of the pipe exits, this process must go on.
    process.stderr.on('error', () => {})
    ignoresErrors = true
  }
  return process.stderr
}
