import type { Exchange } from '../../../shared/http/exchange.js'
import { sendGenerated } from '../../../shared/http/send.js'

/** Scripts of other origins may read the API, as that of Pushgateway. */
const HEADERS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Headers': 'Accept, Authorization, Content-Type, Origin',
  'Access-Control-Allow-Methods': 'GET, POST, DELETE, OPTIONS',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Date',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
}

export function allowOrigins(exchange: Exchange): void {
  for (const [name, value] of Object.entries(HEADERS)) exchange.set(name, value)
}

/** Answers with the envelope of Prometheus's APIs. */
export async function sendJson(
  exchange: Exchange,
  data: () => Generator<string, void>,
): Promise<void> {
  allowOrigins(exchange)
  await sendGenerated(exchange, 'application/json', function* () {
    let text = '{"status":"success","data":'
    for (const part of data()) {
      text += part
      // An empty part, or one of a large body: the event loop can be yielded.
      if (part !== '' && text.length < CHUNK) continue
      yield Buffer.from(text)
      text = ''
    }
    yield Buffer.from(`${text}}`)
  })
}

const CHUNK = 64 * 1024

export function* json(value: unknown): Generator<string, void> {
  yield JSON.stringify(value)
}
