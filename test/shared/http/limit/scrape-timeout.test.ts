import { describe, expect, test } from 'vitest'
import { maxWaitMs, scrapeTimeoutMs } from '../../../../shared/http/limit/scrape-timeout.js'

describe('a scrape timeout', () => {
  test.each([
    ['10', 10_000, 9000],
    ['0.5', 500, 450],
    [undefined, undefined, 30_000],
    ['nonsense', undefined, 30_000],
    ['-1', undefined, 30_000],
    ['0', undefined, 30_000],
    ['86400', 120_000, 108_000],
    ['1e999', 120_000, 108_000],
  ])('of %s s is %d ms, of which a request may wait %d ms', (seconds, timeout, wait) => {
    const headers = { 'x-prometheus-scrape-timeout-seconds': seconds }
    expect(scrapeTimeoutMs(headers)).toBe(timeout)
    expect(maxWaitMs(headers, 30_000)).toBe(wait)
  })
})
