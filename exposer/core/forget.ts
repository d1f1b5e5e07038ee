import type { Instant } from '../../shared/base/clock.js'
import type { Steps } from '../../shared/base/steps.js'
import { retire } from './booking.js'
import { endsAt, windowOf } from './judge.js'
import type { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import type { LeaveReason } from './source.js'
import type { Target } from './target.js'

/**
 * Removes a target from its partition, at the first step, and releases what it held. Responses in
 * progress keep the snapshots that they have acquired.
 *
 * @param reason `moved` if the partition was dropped: then its targets no longer count
 */
export function* forgetSteps(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  reason: LeaveReason,
): Steps<void> {
  if (!partition.targets.delete(target.key)) return
  if (reason !== 'moved') shard.targetCount--
  if (shard.source.active) shard.source.notifyLeft(target, reason)
  const drop = reason === 'moved' ? 'moved' : 'forgotten'
  // The list is emptied, because a response may still try to decode one of the snapshots.
  retire(shard.store, target.snapshots.splice(0), drop)
  shard.seriesShown.forget(target)
  target.incoming?.discard('left')
  target.leave()
  const unseen = yield* shard.history.forgetSteps(target)
  const lost = reason === 'moved' && partition.frozen ? partition.frozen.noteUnseen(unseen) : unseen
  shard.history.drop(drop, lost)
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
