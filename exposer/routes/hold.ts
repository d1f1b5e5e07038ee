import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Clock } from '../../shared/base/clock.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import type { Changes } from '../group/changes.js'

/** Why a request cannot be answered yet. */
export interface Pending {
  /** One line, the body of the 503 when the deadline passes. */
  readonly pending: string
}

const DEFAULT_TIMEOUT_MS = 10_000
const MAX_TIMEOUT_MS = 120_000
const SHARE = 0.9

/**
 * How long a request may be held, ms: 90 % of its scrape timeout, so that the response still
 * arrives within the timeout.
 */
export function maxHoldMs(headers: IncomingHttpHeaders): number {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'])
  const timeout = seconds > 0 ? Math.min(seconds * 1000, MAX_TIMEOUT_MS) : DEFAULT_TIMEOUT_MS
  return timeout * SHARE
}

/**
 * Holds a request: repeats `attempt` at each change until it has a result, the deadline passes, or
 * the client disconnects.
 *
 * @param request `deadline` in monotonic ms
 * @returns the result of `attempt`, or the last reason why there is none
 */
export async function hold<T extends object>(
  request: { readonly deadline: number; readonly response: ServerResponse },
  { changes, clock }: { readonly changes: Changes; readonly clock: Clock },
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
