import type { IncomingHttpHeaders } from 'node:http'

/** Longest time that a response may take, ms; also for requests without a timeout of their own. */
export const MAX_RESPONSE_MS = 120_000
/** Share of the scrape timeout for which a request may wait: the response needs the rest. */
const WAIT_SHARE = 0.9

/**
 * The scrape timeout that Prometheus sends with each scrape, ms, at most `MAX_RESPONSE_MS`.
 * Undefined if there is none, or it is not a positive number.
 */
export function scrapeTimeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'])
  return seconds > 0 ? Math.min(seconds * 1000, MAX_RESPONSE_MS) : undefined
}

/**
 * How long a request may wait before its response begins, ms: 90 % of its scrape timeout.
 *
 * @param withoutTimeoutMs for a request without a scrape timeout
 */
export function maxWaitMs(headers: IncomingHttpHeaders, withoutTimeoutMs: number): number {
  const timeout = scrapeTimeoutMs(headers)
  return timeout === undefined ? withoutTimeoutMs : timeout * WAIT_SHARE
}
