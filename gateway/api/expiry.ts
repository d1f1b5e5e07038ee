import { parseDuration } from '../../shared/base/flags/duration.js'
import { quote } from '../../shared/base/quote.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { RefusedPush } from './refused-push.js'

const HEADER = 'X-Expires-After'
const MAX_MS = 10 * 365 * 86_400_000

/**
 * When a push expires: by its header `X-Expires-After`, else its parameter `expires`, else the
 * default. `0` is never.
 *
 * @returns milliseconds; 0 for never
 * @throws RefusedPush 400
 */
export function expiryOf(exchange: Exchange, defaultMs: number): number {
  const header = exchange.get(HEADER)
  if (header !== '') return parse(HEADER, header)
  if (exchange.querystring === '') return defaultMs
  const { expires } = exchange.query
  if (expires === undefined) return defaultMs
  return parse('expires', Array.isArray(expires) ? expires.at(-1)! : expires)
}

function parse(name: string, text: string): number {
  const ms = parseDuration(text.trim())
  if (ms === undefined)
    throw new RefusedPush(
      400,
      'header',
      `${name} is ${quote(text)}; write a duration such as 90s, 1h or 1d, or 0`,
    )
  if (ms > MAX_MS)
    throw new RefusedPush(400, 'header', `${name} is ${quote(text)}, over the limit of ten years`)
  return ms
}
