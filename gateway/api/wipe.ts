import type { Exchange } from '../../shared/http/exchange.js'
import { allowOrigins } from './json/answer.js'
import { requestId } from './request-id.js'
import type { Services } from './services.js'
import { submit } from './submit.js'

const PATH = '/api/v1/admin/wipe'
const ACCEPTED = 202

/** `PUT /api/v1/admin/wipe`: deletes all push groups and ingested series. */
export function wipe(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    allowOrigins(exchange)
    const id = requestId('PUT', PATH, exchange.get('idempotency-key'))
    const request = {
      id,
      method: 'wipe',
      labels: [],
      families: [],
      expiryMs: 0,
      checked: false,
    } as const
    await submit(exchange, request, ACCEPTED, services)
  }
}
