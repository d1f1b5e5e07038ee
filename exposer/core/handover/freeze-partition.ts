import type { Instant } from '../../../shared/base/clock.js'
import type { Partition } from '../partition.js'
import type { ShardParts } from '../shard-parts.js'
import { FrozenPartition, frozenTarget } from './freeze.js'

/** Silence after which a target may be older than a replay, ms. */
const UNTOLD_MS = 10_000

/**
 * What the next owner of a partition continues with. The partition is dropped afterwards.
 *
 * @param complete whether all targets of the partition are known
 */
export function freezePartition(
  { store, history }: Pick<ShardParts, 'store' | 'history'>,
  partition: Partition,
  complete: boolean,
  now: Instant,
): FrozenPartition {
  const { number, clock, loaded, position } = partition
  const cursors = history.cursorsOf(number, loaded ? position : -1, now)
  const targets = []
  let whole = complete && loaded && partition.handed === null
  for (const target of partition.targets.values()) {
    const last = target.newest
    if (last) targets.push(frozenTarget(target, last))
    // It has no record to hand over. The log tells of it, if its last record is in the replay.
    else if (now.wall - target.heardAt > UNTOLD_MS) whole = false
  }
  const { memory } = store
  const frozen = new FrozenPartition(number, targets, cursors, clock, whole, now.mono, memory)
  partition.frozen = frozen
  return frozen
}
