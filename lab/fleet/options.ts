/** Options of a fleet process, passed as JSON on its command line. */
export interface FleetOptions {
  readonly job: string
  /** Initial number of targets. */
  readonly targets: number
  /** Number of series per target, at least 2. */
  readonly series: number
  readonly intervalMs: number
  readonly brokers: readonly string[]
  /** Topics to publish to, by publisher. Without any, the fleet is only scraped. */
  readonly topics: { readonly snapshots?: string; readonly naive?: string }
}

export interface FleetStats {
  /** Snapshots collected for publishing since the process started. */
  readonly collected: number
  /** Snapshots superseded before they were sent. */
  readonly superseded: number
  readonly sendErrors: number
  /** Size of the naive send queue. */
  readonly bufferedBytes: number
  /**
   * Maximum lateness of a collection timer since the previous request for statistics, ms. A large
   * value means that the fleet process itself is overloaded.
   */
  readonly maxLatenessMs: number
}
