import type { Instant } from '../../shared/base/clock.js'
import { retire } from './booking.js'
import { endsAt, windowOf } from './judge.js'
import type { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import type { LeaveReason } from './source.js'
import type { Target } from './target.js'

/**
 * Removes a target from the shard. Responses in progress keep the snapshots that they have
 * acquired.
 */
export function forget(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  reason: LeaveReason,
): void {
  if (shard.source.active) shard.source.notifyLeft(target, reason)
  const drop = reason === 'moved' ? 'moved' : 'forgotten'
  partition.targets.delete(target)
  shard.targets.delete(target.key)
  shard.store.memory.targets -= target.bytes
  // The list is emptied, because a response may still try to decode one of the snapshots.
  retire(shard.store, target.snapshots.splice(0), drop)
  shard.history.forget(target, drop)
  target.incoming?.discard()
}

/**
 * Why the target is to be removed now: its tombstone has expired, or it sent no record for long.
 */
export function leaveReasonOf(
  { options }: ShardParts,
  partition: Partition,
  target: Target,
  now: Instant,
): LeaveReason | undefined {
  const { newest } = target
  if (newest?.end)
    return now.wall > endsAt(target, newest) + options.tombstoneMs ? 'ended' : undefined
  const silent = partition.clock.since(target.heardAt, windowOf(target, options))
  return silent > options.forgetMs ? 'forgotten' : undefined
}
