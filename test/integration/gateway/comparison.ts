import type { Exposition } from '../../../shared/metrics/model.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../../shared/metrics/text/refusal.js'
import { type RawResponse, send } from './exchange.js'

/** What is compared of a response: its status, where it leads, and the kind of its body. */
export function kindOf({ status, headers, body }: RawResponse): string {
  const location = headers.location === undefined ? '' : ` to ${headers.location}`
  const allow =
    status === 405 && headers.allow !== undefined ? ` allow ${methods(headers.allow)}` : ''
  // The text of a redirect differs with the method in Go.
  const text = status >= 300 && status < 400 ? '' : ` ${bodyKind(body)}`
  return `${status}${location}${allow}${text}`
}

/** Whether HEAD and OPTIONS are among them depends on the router. */
const methods = (allow: string | string[]) =>
  String(allow)
    .split(/, ?/)
    .filter(method => method !== 'HEAD' && method !== 'OPTIONS')
    .sort()
    .join(', ')

function bodyKind(body: string): string {
  if (body === '') return 'empty'
  if (!body.startsWith('{')) return 'text'
  const parsed = JSON.parse(body) as { status: string; data: unknown }
  return `json ${parsed.status}`
}

/** Metrics of Pushgateway itself, which it exposes together with what was pushed. */
const OWN = /^(go_|process_|promhttp_|pushgateway_)/

/** The exposition of what was pushed, as sorted lines. The push times are 0 or `set`. */
export async function held(url: string): Promise<string[]> {
  const { status, body } = await send(url, { method: 'GET', path: '/metrics' })
  if (status !== 200) return [`status ${status}`]
  const exposition = readPage(body)
  if (!exposition) return ['unreadable']
  const { families, values } = exposition
  const lines: string[] = []
  let at = 0
  for (const { name, type, help, series } of families) {
    if (!OWN.test(name)) lines.push(`# ${name} ${type} ${JSON.stringify(help)}`)
    for (const { suffix, labels } of series) {
      const value = values[at++]
      if (OWN.test(name)) continue
      const text = labels.map(label => `${label.name}=${JSON.stringify(label.value)}`).join(',')
      const isTime = /^push_(failure_)?time_seconds$/.test(name)
      const shown = isTime ? (value > 0 ? 'set' : '0') : String(value === 0 ? 0 : value)
      lines.push(`${name}${suffix}{${text}} ${shown}`)
    }
  }
  return lines.sort()
}

/** By the rules of pushes, which keep series that occur twice. */
function readPage(page: string): Exposition | undefined {
  try {
    return new TextReader('push').read(Buffer.from(page))
  } catch (error) {
    if (error instanceof ExpositionRefused) return undefined
    throw error
  }
}
