import { type Escaping, FORMAT_NAMES, type Format, type FormatName, TEXT } from './format.js'

interface Range {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly q: number
}

/** Longer headers are not parsed: they would hold the event loop. */
const MAX_LENGTH = 8192

/**
 * Chooses the format for an Accept header, by q-value and then by order. Text 0.0.4 if it accepts
 * nothing that is supported: a scraper gets more from an unexpected format than from an error.
 *
 * @param supported formats that the caller can write besides text 0.0.4
 * @see https://prometheus.io/docs/instrumenting/content_negotiation/
 */
export function negotiate(
  accept: string | undefined,
  supported: readonly FormatName[] = FORMAT_NAMES,
): Format {
  if (accept !== undefined && accept.length > MAX_LENGTH) return TEXT
  let best: Format | undefined
  let bestQ = 0
  for (const range of (accept ?? '').split(',').map(parseRange)) {
    const format = range && formatOf(range)
    if (format && supported.includes(format.name) && range.q > bestQ) {
      best = format
      bestQ = range.q
    }
  }
  return best ?? TEXT
}

function parseRange(text: string): Range | undefined {
  const [type, ...rest] = text.split(';').map(part => part.trim())
  if (!type) return undefined
  const parameters = new Map<string, string>()
  for (const parameter of rest) {
    const equals = parameter.indexOf('=')
    if (equals < 0) continue
    const value = parameter.slice(equals + 1).trim()
    parameters.set(parameter.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'))
  }
  const q = parameters.has('q') ? Number(parameters.get('q')) : 1
  return { type: type.toLowerCase(), parameters, q: Number.isNaN(q) ? 0 : q }
}

function formatOf(range: Range): Format | undefined {
  const name = nameOf(range.type, range.parameters.get('version'))
  if (!name) return undefined
  const asked = range.parameters.get('escaping')
  const escaping: Escaping = asked === 'allow-utf-8' ? 'allow-utf-8' : 'underscores'
  return { name, escaping: name === 'text-1.0.0' && asked === undefined ? 'allow-utf-8' : escaping }
}

function nameOf(type: string, version: string | undefined): FormatName | undefined {
  if (type === 'application/openmetrics-text') {
    return version === undefined || version === '1.0.0' || version === '0.0.1'
      ? 'openmetrics-1.0.0'
      : undefined
  }
  if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
    return type === 'text/plain' && version === '1.0.0' ? 'text-1.0.0' : 'text-0.0.4'
  }
  return undefined
}
