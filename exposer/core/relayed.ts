import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { aheadMessage, isRelayed } from '../../shared/snapshot/relayed.js'
import { advance, runOf } from './complete.js'
import { isAlive } from './overlap.js'
import type { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import type { Target } from './target.js'

/**
 * Judges a record of a relayed run, which is open in the reader, by its number. Several gateways
 * may write the run, so a number that is not above the last is no error.
 *
 * @param target undefined if it is not known
 * @returns false for a repeat, which changes nothing
 * @throws RefusedError `clock`
 */
export function isNewRelayed(
  shard: ShardParts,
  partition: Partition,
  target: Target | undefined,
  record: LogRecord,
): boolean {
  const { reader } = shard
  const run = target?.runs.find(reader.incarnation)
  if ((run && reader.sequence <= run.sequence) || isBeforeHandover(shard, partition, record)) {
    noteRepeat(shard, partition, record)
    return false
  }
  const message = aheadMessage(reader.collectedAt, record.timestamp)
  if (message === undefined) return true
  if (target) noteAhead(shard, partition, target, message)
  throw new RefusedError('clock', message)
}

/**
 * Whether the end that is open in the reader ends nothing: its run has ended before, or is not
 * known while the target has another. To be called if it is neither a repeat nor refused.
 */
export function endsNothing(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  record: LogRecord,
): boolean {
  const { reader } = shard
  if (!isRelayed(reader.incarnation) || target.runs.current === null) return false
  const run = runOf(target, reader.incarnation)
  if (run.sequence >= 0 && !run.ended) return false
  advance(run, reader)
  noteRepeat(shard, partition, record)
  return true
}

/** Whether the previous owner of the partition had a later record of the run before this one. */
function isBeforeHandover({ reader }: ShardParts, { handed }: Partition, record: LogRecord) {
  const last = handed?.targets.get(record.key!.toString('latin1'))
  return (
    last !== undefined &&
    last.incarnation === reader.incarnation &&
    reader.sequence <= last.sequence &&
    record.offset > last.record.offset
  )
}

function noteRepeat({ counters }: ShardParts, { clock }: Partition, { timestamp }: LogRecord) {
  counters.repeated++
  clock.consumed(timestamp, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
}

/** The run is not heard by it, so that its clock hides no other run. */
function noteAhead(
  { reader, options }: ShardParts,
  partition: Partition,
  target: Target,
  message: string,
) {
  const run = runOf(target, reader.incarnation)
  // Several parts of one snapshot count once.
  if (run.refusedSequence !== reader.sequence) {
    run.refusedSequence = reader.sequence
    if (partition.loaded) target.ledger.refuse('clock')
  }
  // It says nothing about a newer run that is exposed.
  const { current } = target.runs
  if (current && run.incarnation < current.incarnation && isAlive(current, partition, options))
    return
  target.heardAt = partition.clock.time
  target.refusal = { reason: 'clock', message, at: partition.clock.time }
  target.recount()
}
