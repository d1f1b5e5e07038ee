import type { Exchange } from '../../shared/http/exchange.js'
import { expiryOf } from './expiry.js'
import { requestId } from './request-id.js'
import type { Services } from './services.js'
import { orUnavailable, submit } from './submit.js'

const LINE_FEED = 10
const OK = 200

/**
 * `POST /ingest`, as in PushGatewayRedis: each series of the body is stored by itself, with an
 * expiry of its own, and without labels of a push group.
 */
export function ingest(services: Services) {
  const { bodies, readers, options, paths, capacity, telemetry } = services
  return async (exchange: Exchange): Promise<void> => {
    const id = requestId('POST', paths.ingest, exchange.get('idempotency-key'))
    const expiryMs = expiryOf(exchange, options.ingestExpiryMs)
    const body = await bodies.read(exchange)
    telemetry.pushBytes.observe('', body.length)
    const families = await readers.read(senderOf(exchange), null, 'text', withLineFeed(body))
    const request = {
      id,
      method: 'ingest',
      labels: [],
      families,
      expiryMs,
      checked: false,
    } as const
    await orUnavailable(() => capacity.admit(request))
    await submit(exchange, request, OK, services)
  }
}

/** Clients send the same series each time: their readers are told apart by address. */
const senderOf = ({ req }: Exchange) => `ingest ${req.socket.remoteAddress}`

/** PushGatewayRedis accepts a last line without a line feed. */
function withLineFeed(body: Buffer): Buffer {
  if (body.length === 0 || body.at(-1) === LINE_FEED) return body
  return Buffer.concat([body, Buffer.of(LINE_FEED)])
}
