import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Clock } from '../../shared/base/clock.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import type { Changes } from '../group/changes.js'

/** What a request is told when its time has run out. */
export interface Waiting {
  /** One line for people. */
  readonly wait: string
}

const DEFAULT_TIMEOUT = 10_000
const LONGEST_TIMEOUT = 120_000
const SHARE = 0.9

/**
 * How long a request may be held, in milliseconds: 90 % of the time that its scraper is willing to wait, so that the answer,
 * whatever it is, still arrives.
 */
export function patienceOf(headers: IncomingHttpHeaders): number {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'])
  const timeout = seconds > 0 ? Math.min(seconds * 1000, LONGEST_TIMEOUT) : DEFAULT_TIMEOUT
  return timeout * SHARE
}

/**
 * Asks `attempt` again at each change until it settles, the request's patience ends, or its client goes away.
 *
 * @param request `until` is monotonic time
 * @returns what it settled on, or the last reason to wait
 */
export async function settle<T extends object>(
  request: { readonly until: number; readonly response: ServerResponse },
  { changes, clock }: { readonly changes: Changes; readonly clock: Clock },
  attempt: () => T | Waiting,
): Promise<T | Waiting> {
  let gone: AbortSignal | undefined
  for (;;) {
    const outcome = attempt()
    if (!('wait' in outcome)) return outcome
    gone ??= goneSignal(request.response)
    const left = request.until - clock.now().mono
    if (left <= 0 || gone.aborted || changes.closed) return outcome
    await changes.next(left, gone)
  }
}
