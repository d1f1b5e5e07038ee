import { copied } from '../../shared/base/copied.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { runNow } from '../../shared/base/steps.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { validateTarget } from '../../shared/snapshot/validate.js'
import { forgetSteps } from './forget.js'
import { Ledger } from './ledger.js'
import { playoutOptions } from './options.js'
import type { Partition } from './partition.js'
import { Playout } from './playout/playout.js'
import type { ShardParts } from './shard-parts.js'
import { Target } from './target.js'

/**
 * The target of the record that is open in the reader, which is not known. It is not held yet.
 *
 * @throws RefusedError when the target is invalid, belongs to another partition, or does not fit
 */
export function newTarget(shard: ShardParts, partition: Partition, record: LogRecord): Target {
  const { reader, options } = shard
  const labels = reader.target()
  validateTarget(labels, options.limits)
  const key = targetKey(labels)
  if (!record.key!.equals(key)) {
    throw new RefusedError(
      'key',
      'the key does not match the target in the value; expected: name NUL value NUL of its sorted labels',
    )
  }
  const wanted = partitionFor(key, shard.partitionCount)
  if (wanted !== partition.number) {
    throw new RefusedError(
      'partition',
      `the target belongs to partition ${wanted} of ${shard.partitionCount} (murmur2 of the key), not ${partition.number}`,
    )
  }
  if (shard.targetCount >= options.maxTargets) {
    throw new RefusedError(
      'limit',
      `the shard has ${options.maxTargets} targets, its limit; add shards`,
    )
  }
  const target = new Target(
    key.toString('latin1'),
    labels,
    copied(reader.targetBytes),
    partition.number,
    new Ledger(shard.ledger),
    new Playout(playoutOptions(options)),
  )
  const { heap, buffers } = target.need
  if (!shard.store.makeRoom(heap, buffers)) {
    throw new RefusedError(
      'limit',
      `no memory is left for another target: ${shard.store.memory.describe()}; add shards, or raise --memory.limit`,
    )
  }
  return target
}

/** Adds a new target to its partition. */
export function admit(shard: ShardParts, partition: Partition, target: Target): void {
  // Of a target that returns before it was released, subscribers are told first that it left.
  for (const dropped of shard.dropped) {
    const left = dropped.targets.get(target.key)
    if (left) runNow(forgetSteps(shard, dropped, left, 'moved'))
  }
  target.moved = !partition.loaded
  partition.targets.set(target.key, target)
  shard.targetCount++
  target.enter(shard.store.memory)
}
