import type { Steps } from '../../shared/base/steps.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { retire } from './booking.js'
import type { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import type { Snapshot } from './store/snapshot.js'

function refusalFor(error: Error): Pick<RefusedError, 'reason' | 'message'> {
  const { message } = error
  return { reason: error instanceof RefusedError ? error.reason : 'schema', message }
}

/**
 * Counts and reports an invalid record.
 *
 * @param offset −1 if it is not known any more
 */
export function refuse(
  { counters, options }: Pick<ShardParts, 'counters' | 'options'>,
  error: Error,
  partition: number,
  offset: number,
): void {
  const { reason, message } = refusalFor(error)
  counters.refuse(reason)
  options.onRefused({ reason, partition, offset, message })
}

/**
 * Decodes a snapshot that a replay left undecoded. If that fails, the snapshot is refused and
 * removed from its target.
 *
 * @param partition that of its target; undefined if it was dropped
 * @param snapshot held by its target or by the caller until the last step
 * @returns whether the snapshot is decoded
 */
export function* decodeOrRefuse(
  parts: ShardParts,
  partition: Partition | undefined,
  snapshot: Snapshot,
): Steps<boolean> {
  const { store, source } = parts
  try {
    yield* store.decodeSteps(snapshot)
    return true
  } catch (error) {
    const { target } = snapshot
    const at = target.snapshots.indexOf(snapshot)
    // Another response has already refused it, or the target has replaced it.
    if (at < 0) return false
    const { reason, message } = refusalFor(error as Error)
    if (source.active && at === target.snapshots.length - 1) source.notifyUnreadable(snapshot)
    // Nor are earlier ones exposed again.
    const before = target.snapshots.splice(0, at + 1)
    retire(store, before.splice(-1), `refused_${reason}`)
    retire(store, before, 'unscraped')
    refuse(parts, error as Error, target.partition, -1)
    if (reason === 'limit') {
      // Until a snapshot fits. The ledger has this one already.
      target.refusal = { reason: 'limit', message, at: partition?.clock.time ?? 0 }
      target.recount()
    }
    return false
  }
}
