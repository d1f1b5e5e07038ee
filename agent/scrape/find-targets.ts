import type { Steps } from '../../shared/base/steps.js'
import type { ScrapeJob } from './config/job.js'
import type { TargetGroup } from './discovery/target-group.js'
import { placeTargetSteps, type ScrapeTarget } from './target/address.js'

export interface FoundTargets {
  /** By their identity: duplicates are one target. */
  readonly found: Map<string, ScrapeTarget>
  /** Discovered labels of targets that a rule dropped, as many as are shown. */
  readonly dropped: readonly Readonly<Record<string, string>>[]
  readonly droppedCount: number
  /** Why targets cannot be scraped. */
  readonly invalid: string[]
}

/** Targets that are shown although a rule dropped them, if the configuration has no limit. */
const MAX_DROPPED = 1000
const TARGETS_PER_STEP = 20

/** Labels and relabels the targets of all groups of a job. */
export function* findTargetsSteps(
  groups: readonly TargetGroup[],
  job: ScrapeJob,
): Steps<FoundTargets> {
  const found = new Map<string, ScrapeTarget>()
  const dropped: Readonly<Record<string, string>>[] = []
  const invalid: string[] = []
  const limit = job.keepDropped || MAX_DROPPED
  let droppedCount = 0
  let placedCount = 0
  for (const group of groups) {
    for (const [i, address] of group.targets.entries()) {
      const placed = yield* placeTargetSteps(address, group, job)
      if (placed.kind === 'target') {
        found.set(placed.target.identity, placed.target)
      } else if (placed.kind === 'dropped') {
        droppedCount++
        if (dropped.length < limit) dropped.push(placed.discovered)
      } else {
        invalid.push(`instance ${i} in group ${group.source}: ${placed.reason}`)
      }
      if (++placedCount % TARGETS_PER_STEP === 0) yield
    }
  }
  return { found, dropped, droppedCount, invalid }
}
