import type { Slot } from '../../shared/http/limit/response-limit.js'
import type { Pending } from '../group/ownership.js'
import { hold, type WaitingRequest } from './hold.js'
import type { Services } from './services.js'

/**
 * Pools of concurrent responses. Each has slots and a queue of its own: a shard that waits for the
 * lists of the others never waits for itself, and the metrics of a shard whose scrapers use all
 * slots can be read.
 */
export type Pool = 'scrapes' | 'peers' | 'telemetry'

/** Slots of the pools other than `scrapes`. */
export const OTHER_POOLS = { peers: 8, telemetry: 4 }

/** What a request that waits needs of the heap, measured for requests of `/metrics`, bytes. */
const WAITING_BYTES = 20 * 1024
/** Share of the heap for targets that waiting requests may use besides. */
const WAITING_SHARE = 1 / 8
const MOST_WAITING = 10_000
const LEAST_WAITING = 100

/**
 * How many requests may wait.
 *
 * @param heap of the limit for targets, bytes
 */
export function maxWaiting(heap: number): number {
  const fitting = Math.floor((WAITING_SHARE * heap) / WAITING_BYTES)
  return Math.min(MOST_WAITING, Math.max(LEAST_WAITING, fitting))
}

/**
 * Waits until a body can be sent: holds the request, then takes a slot. No slot is used by a
 * request that is held. After a wait for a slot the attempt is repeated, because ownership may have
 * changed.
 *
 * @param needsSlot whether the result is answered with a body. Default: always
 * @returns the last result of `attempt`; with a slot, until the response is closed
 * @throws Refusal 503 if there is no slot in time
 */
export async function holdForTurn<T extends object>(
  request: WaitingRequest,
  pool: Pool,
  services: Pick<Services, 'changes' | 'clock' | 'responses'>,
  attempt: () => T | Pending,
  needsSlot: (result: T) => boolean = () => true,
): Promise<T | Pending> {
  const { responses } = services
  for (;;) {
    const result = await hold(request, services, attempt)
    if ('pending' in result || !needsSlot(result)) return result
    if (responses.tryAcquire(request.response, pool)) return result
    const slot = await acquireSlot(request, pool, services)
    const again = attempt()
    if (!('pending' in again) && needsSlot(again)) return again
    slot.release()
  }
}

/**
 * Gets a list and a slot for it. A request that has to wait for its turn retains nothing meanwhile,
 * and gets the list again.
 *
 * @returns the result of `get`; with a slot, until the response is closed
 * @throws Refusal 503 if there is no slot in time
 */
export async function listInTurn<T extends object>(
  request: WaitingRequest,
  services: Pick<Services, 'responses'>,
  get: () => Promise<T>,
): Promise<T> {
  const result = await get()
  if (services.responses.tryAcquire(request.response, 'scrapes')) return result
  return acquireSlot(request, 'scrapes', services).then(get)
}

const acquireSlot = (
  { response, turnBy }: WaitingRequest,
  pool: Pool,
  { responses }: Pick<Services, 'responses'>,
): Promise<Slot> => responses.acquire(response, pool, turnBy)
