import type { ServerResponse } from 'node:http'
import { goneSignal } from '../../shared/http/client-gone.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { maxWaitMs } from '../../shared/http/limit/scrape-timeout.js'
import type { Pending } from '../group/ownership.js'
import type { Services } from './services.js'

/** How long a request without a scrape timeout may be held, ms. */
const HELD_MS = 9000
/** How long a request without a scrape timeout may wait for its turn, ms. */
const QUEUED_MS = 30_000

/** A request that may wait. */
export interface WaitingRequest {
  readonly response: ServerResponse
  /** Monotonic ms of its arrival. */
  readonly arrivedAt: number
  /** Monotonic ms until which it may be held. */
  readonly deadline: number
  /** Monotonic ms until which it may wait for a slot. */
  readonly turnBy: number
}

/** Both deadlines are 90 % of the scrape timeout, so that the response arrives within it. */
export function waitingOf(
  { req, res }: Exchange,
  { responses }: Pick<Services, 'responses'>,
): WaitingRequest {
  // Not the current time: the comparison of a password may have taken a part of the timeout.
  const mono = responses.arrivalOf(res)
  return {
    response: res,
    arrivedAt: mono,
    deadline: mono + maxWaitMs(req.headers, HELD_MS),
    turnBy: mono + maxWaitMs(req.headers, QUEUED_MS),
  }
}

/**
 * Holds a request: repeats `attempt` at each change until it has a result, the deadline passes, or
 * the client disconnects.
 *
 * @param request `deadline` in monotonic ms
 * @returns the result of `attempt`, or the last reason why there is none
 */
export async function hold<T extends object>(
  request: Pick<WaitingRequest, 'deadline' | 'response'>,
  { changes, clock }: Pick<Services, 'changes' | 'clock'>,
  attempt: () => T | Pending,
): Promise<T | Pending> {
  let gone: AbortSignal | undefined
  for (;;) {
    const outcome = attempt()
    if (!('pending' in outcome)) return outcome
    gone ??= goneSignal(request.response)
    const left = request.deadline - clock.now().mono
    if (left <= 0 || gone.aborted || changes.closed) return outcome
    await changes.next(left, gone)
  }
}
