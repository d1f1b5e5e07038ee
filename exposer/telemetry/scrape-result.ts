/** A response with samples (for `/sd`: targets). */
export interface ScrapeResult {
  /** As sent, after compression. */
  readonly bytes: number
  readonly samples: number
  /** Whether the whole body was written to the socket. */
  readonly complete: boolean
}
