import type { Exchange } from '../../shared/http/exchange.js'
import { maxWaitMs } from '../../shared/http/limit/scrape-timeout.js'
import type { Services } from './services.js'

/** Slots of the pools other than `scrapes`. */
export const OTHER_POOLS = { page: 4 }
/** How long a request without a scrape timeout may wait for its turn, ms. */
const QUEUED_MS = 30_000

/**
 * Waits until a body can be sent. The slot is given back when the response is closed.
 *
 * @throws Refusal 503 if there is none in time
 */
export async function awaitTurn(
  { req, res }: Exchange,
  pool: 'scrapes' | 'page',
  { responses }: Pick<Services, 'responses'>,
): Promise<void> {
  if (responses.tryAcquire(res, pool)) return
  responses.admit()
  await responses.acquire(res, pool, responses.arrivalOf(res) + maxWaitMs(req.headers, QUEUED_MS))
}
