import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { isOutdated } from './backfill.js'
import { advance, bookGap, runOf } from './complete.js'
import { isAlive } from './overlap.js'
import type { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import { staleWindow } from './stale-window.js'
import type { Target } from './target.js'

/**
 * Accepts the record that is open in the reader only if it follows the last one of its run, and no
 * newer run is alive.
 *
 * @throws RefusedError `order` or `incarnation`
 */
export function checkOrder(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  { offset, timestamp }: LogRecord,
): void {
  const { reader, options } = shard
  const { incarnation, sequence, collectedAt, intervalMs } = reader
  const { current } = target.runs
  if (current && incarnation < current.incarnation) {
    // This record may be the first one after the newer run has become silent.
    const window = staleWindow(incarnation, intervalMs, options)
    partition.clock.consumed(timestamp, window, target.arrivedAt)
    if (!partition.wasNewest(target.key, offset) && isAlive(current, partition, options)) {
      hide(shard, partition, target, timestamp)
      throw new RefusedError(
        'incarnation',
        `incarnation ${incarnation} is older than that of a run which publishes with the same labels, ${current.incarnation}; give each publisher an instance label of its own`,
      )
    }
  }
  const run = target.runs.find(incarnation)
  if (!run) return
  if (sequence <= run.sequence) {
    throw new RefusedError(
      'order',
      `sequence ${sequence} is not above the last one, ${run.sequence}`,
    )
  }
  if (collectedAt <= run.collectedAt) {
    throw new RefusedError(
      'order',
      `collectedAt ${collectedAt} is not above the last one, ${run.collectedAt}`,
    )
  }
}

/** Accounts for a record of a run that is not exposed, because a newer one is alive. */
function hide(shard: ShardParts, partition: Partition, target: Target, appendedAt: number): void {
  const { reader, options } = shard
  const run = runOf(target, reader.incarnation)
  // Several parts of one snapshot count once, and so does a record that is delivered again.
  if (reader.sequence <= run.sequence) return
  if (!isOutdated(reader, appendedAt, options)) run.heardAt = partition.clock.time
  if (partition.loaded) {
    bookGap(target, run, reader)
    target.ledger.refuse('incarnation')
  }
  run.hidden++
  advance(run, reader)
}
