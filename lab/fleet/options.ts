/** What the process of a fleet is told. */
export interface FleetOptions {
  readonly job: string
  /** Targets at the beginning. */
  readonly targets: number
  /** Series of each target, at least 2. */
  readonly series: number
  readonly intervalMs: number
  readonly brokers: readonly string[]
  /** Topics to publish to; without any it is only scraped. */
  readonly topics: { readonly ours?: string; readonly naive?: string }
}

export interface FleetStats {
  /** Snapshots collected for publishing since the process began. */
  readonly collected: number
  /** Of them replaced unsent by a newer one. */
  readonly superseded: number
  readonly sendErrors: number
  /** What waits in the naive queue. */
  readonly bufferedBytes: number
  /** How late the latest collection was since somebody asked, ms: the fleet itself is too slow when it is long. */
  readonly latestMs: number
}
