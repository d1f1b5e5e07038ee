import type { TargetGroup } from './target-group.js'

export type Mechanism = 'static' | 'file' | 'http'

/** Totals over the life of the agent, by the mechanism of the discovery. */
export interface RefreshCounts {
  refreshes: number
  failures: number
}

/** Finds groups of targets, again and again. Call `start` once and `stop` once. */
export interface Discovery {
  readonly mechanism: Mechanism
  /** What it reads: discoveries with the same mechanism and source find the same. */
  readonly source: string
  /** The groups of the last successful refresh; undefined before the first one. */
  readonly groups: readonly TargetGroup[] | undefined
  /** Why the last refresh failed; what failed is then as it was before. At most a few lines. */
  readonly problems: readonly string[]
  /** Number of failed refreshes. */
  readonly failures: number
  /** @param onChange called after each refresh that may have changed something */
  start(onChange: () => void): void
  stop(): void
}

/** The targets of `static_configs`. */
export class StaticDiscovery implements Discovery {
  readonly mechanism = 'static'
  readonly source = ''
  readonly problems = []
  readonly failures = 0

  constructor(readonly groups: readonly TargetGroup[]) {}

  start(onChange: () => void): void {
    onChange()
  }

  stop(): void {}
}
