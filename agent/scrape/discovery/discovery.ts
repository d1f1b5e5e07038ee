import type { TargetGroup } from './target-group.js'

/** Finds groups of targets, again and again. Call `start` once and `stop` once. */
export interface Discovery {
  /** The groups of the last successful refresh; undefined before the first one. */
  readonly groups: readonly TargetGroup[] | undefined
  /** Why the last refresh failed; its groups are then those of the one before. */
  readonly problem: string | undefined
  readonly failures: number
  /** @param onChange called after each refresh, successful or not */
  start(onChange: () => void): void
  stop(): void
}

/** The targets of `static_configs`. */
export class StaticDiscovery implements Discovery {
  readonly problem = undefined
  readonly failures = 0

  constructor(readonly groups: readonly TargetGroup[]) {}

  start(onChange: () => void): void {
    onChange()
  }

  stop(): void {}
}
