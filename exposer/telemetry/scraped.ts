/** What a scraper was given. */
export interface Scraped {
  readonly bytes: number
  readonly samples: number
  /** Whether all of it reached the socket. */
  readonly whole: boolean
}
