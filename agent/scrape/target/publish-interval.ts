/** The interval of a record, ms. */
const MIN_MS = 1000
const MAX_MS = 120_000

/**
 * How often a target is published that is scraped at an interval. A record has an interval of 1 s
 * to 2 min: a target with a longer one is published several times for each scrape, with the result
 * of the last one.
 */
export function publishInterval(scrapeIntervalMs: number): {
  readonly intervalMs: number
  /** Publications for each scrape. */
  readonly perScrape: number
} {
  const perScrape = Math.max(1, Math.ceil(scrapeIntervalMs / MAX_MS))
  return { intervalMs: Math.max(MIN_MS, Math.round(scrapeIntervalMs / perScrape)), perScrape }
}
