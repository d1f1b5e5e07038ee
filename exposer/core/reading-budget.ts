import { RefusedError } from '../../shared/snapshot/errors.js'
import { LayoutBudget } from './layout-budget.js'
import type { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import type { Target } from './target.js'

/** Whether a new layout or a long body of the target may be read. @param time log time, ms */
export function isWithinBudget(partition: Partition, target: Target, time: number): boolean {
  const budget = target.isHeld ? target.layouts : partition.strangers
  return budget === null || budget.allows(time)
}

export function overBudget(target: Target): RefusedError {
  return new RefusedError(
    'limit',
    target.isHeld
      ? 'its layout has changed or was refused too often, or its exemplars are too long, and reading them takes much of the shard; keep names and labels the same from snapshot to snapshot'
      : 'too many layouts of unknown targets of this partition were refused; find out what publishes them',
  )
}

/**
 * Charges the work on a layout or a long body to its target, or to all unknown targets together.
 *
 * @param time log time, ms
 */
export function charge(
  { options }: ShardParts,
  partition: Partition,
  target: Target,
  steps: number,
  time: number,
): void {
  if (target.isHeld) {
    if (!target.layouts) {
      target.layouts = new LayoutBudget(options.targetLayouts)
      target.recount()
    }
    target.layouts.spend(steps, time)
  } else {
    partition.strangers ??= new LayoutBudget(options.strangerLayouts)
    partition.strangers.spend(steps, time)
  }
}
