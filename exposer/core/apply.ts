import type { Instant } from '../../shared/base/clock.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { isRelayed } from '../../shared/snapshot/relayed.js'
import { refusalOf } from '../../shared/snapshot/unreadable.js'
import { admit, newTarget } from './admit.js'
import { isOutdated } from './backfill.js'
import { complete, runOf } from './complete.js'
import { checkOrder } from './order.js'
import type { Partition } from './partition.js'
import { charge, isWithinBudget, overBudget } from './reading-budget.js'
import { endsNothing, isNewRelayed } from './relayed.js'
import type { ShardParts } from './shard-parts.js'
import { staleWindow } from './stale-window.js'
import type { CompiledLayout } from './store/compiled-layout.js'
import type { Reading } from './store/layout-reading.js'
import type { Size } from './store/memory.js'
import type { SnapshotPart } from './store/snapshot.js'
import type { Target } from './target.js'

/** What has to be read in steps before a record can be applied. */
export type UnreadContent = UnreadLayout | UnreadBody

/** A layout that is not known. */
interface UnreadLayout {
  readonly kind: 'layout'
  readonly id: string
  /** Slice of the record. */
  readonly compressed: Buffer
  /** Size of what the record replaces. */
  readonly replaced: Size
}

/** A body with long exemplars. */
interface UnreadBody {
  readonly kind: 'body'
  readonly layout: CompiledLayout
  /** Slice of the record. */
  readonly bytes: Buffer
  /** Size of what the record replaces. */
  readonly replaced: Size
}

/** Room for the text of a refusal, bytes. */
const REFUSAL_ROOM = 1024

/**
 * Applies one record.
 *
 * @param read what has been read for this record
 * @returns null, or what has to be read before this function is called again: nothing has changed
 *   then
 * @throws RefusedError when the record breaks a rule; the target's snapshots are unchanged then
 */
export function applyRecord(
  shard: ShardParts,
  partition: Partition,
  record: LogRecord,
  now: Instant,
  read?: Reading,
): UnreadContent | null {
  if (record.value === null) throw refusalOf(record)
  shard.reader.open(record.value)
  if (shard.options.ignores(shard.reader.incarnation)) {
    // Of the record, only its append time is of interest.
    const never = Number.NEGATIVE_INFINITY
    partition.clock.consumed(record.timestamp, Number.POSITIVE_INFINITY, never)
    return null
  }
  return applyOpened(shard, partition, record, now, { content: true, read })
}

/**
 * Applies the record that is open in the reader.
 *
 * @param how `content`: whether layout and values are read; else the snapshot has no parts
 * @returns what has to be read first; nothing has changed then
 * @throws RefusedError when the record breaks a rule; the target's snapshots are unchanged then
 */
export function applyOpened(
  shard: ShardParts,
  partition: Partition,
  record: LogRecord,
  now: Instant,
  { content, read }: { readonly content: boolean; readonly read?: Reading },
): UnreadContent | null {
  const { reader, store, source } = shard
  const known = knownTarget(shard, partition, record)
  if (isRelayed(reader.incarnation) && !isNewRelayed(shard, partition, known, record)) return null
  if (known) {
    checkOrder(shard, partition, known, record)
    if (reader.end && endsNothing(shard, partition, known, record)) return null
  }
  const target = known ?? newTarget(shard, partition, record)
  const hasLayout = content && reader.failure === null
  const layout = hasLayout ? (read?.layout ?? layoutOf(shard, partition, target, record)) : null
  if (layout === undefined) {
    const replaced = store.replacedSize(reader, target.newest)
    return { kind: 'layout', id: reader.layoutId(), compressed: reader.layout(), replaced }
  }
  try {
    if (layout instanceof RefusedError) throw layout
    if (read?.body instanceof RefusedError) throw read.body
    // A replay keeps undecoded copies only, because most snapshots are superseded before its end.
    const decoded = partition.loaded || reader.parts > 1
    const how = { offset: record.offset, decoded, body: read?.body }
    const part = layout && store.read(reader, layout, target.newest, how)
    if (layout && !part) {
      if (!isWithinBudget(partition, target, logTime(partition, record))) throw overBudget(target)
      const replaced = store.replacedSize(reader, target.newest)
      return { kind: 'body', layout, bytes: reader.bodyBytes(), replaced }
    }
    if (source.active) source.noteRecord(target)
    if (!known) {
      admit(shard, partition, target)
      const handed = partition.handed?.targets.get(target.key)
      if (handed) target.playout.resume(handed.playout, now)
    }
    partition.clock.consumed(
      record.timestamp,
      staleWindow(reader.incarnation, reader.intervalMs, shard.options),
      target.arrivedAt,
    )
    const parts = !content
      ? headerOfLastPart(shard)
      : part && reader.parts > 1
        ? collect(shard, partition, target, part, now)
        : singlePart(reader, target, part)
    if (parts) complete(shard, partition, target, parts, record, now)
    noteHeard(shard, target, partition.clock.time)
  } catch (error) {
    if (error instanceof RefusedError) {
      if (source.active && !source.hasNote) source.noteRecord(target)
      noteRefusal(shard, partition, target, error, logTime(partition, record))
    }
    throw error
  } finally {
    if (read) charge(shard, partition, target, read.steps, logTime(partition, record))
  }
  return null
}

/**
 * Records a refusal in the target and in the ledger. A new target whose first snapshot exceeds a
 * limit is admitted, so that the reason is visible in the list of targets.
 */
function noteRefusal(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  { reason, message }: RefusedError,
  at: number,
): void {
  // The record is older than the newest snapshot and says nothing about the target's current state.
  if (reason === 'order' || reason === 'incarnation') return
  const { reader } = shard
  if (!partition.targets.has(target.key)) {
    if (reason !== 'limit') return
    const { heap, buffers } = target.need
    if (!shard.store.makeRoom(heap + REFUSAL_ROOM, buffers)) return
    target.intervalMs = reader.intervalMs
    admit(shard, partition, target)
  }
  const run = runOf(target, reader.incarnation)
  // Several refused parts of one snapshot count as one refused snapshot.
  const isNext = isRelayed(run.incarnation)
    ? // One before may be from the future.
      reader.sequence !== run.refusedSequence
    : reader.sequence > run.refusedSequence
  if (isNext) {
    run.refusedSequence = reader.sequence
    run.refused++
    if (partition.loaded) target.ledger.refuse(reason)
  }
  target.refusal = { reason, message, at }
  target.recount()
  noteHeard(shard, target, at)
}

function noteHeard({ reader, options }: ShardParts, target: Target, at: number): void {
  const { incarnation, intervalMs } = reader
  target.heardAt = at
  const run = target.runs.find(incarnation)
  // A run that is so far behind is not alive: it hides no other.
  if (!run || isOutdated(reader, at, options)) return
  run.heardAt = at
  run.intervalMs = intervalMs
}

const logTime = (partition: Partition, { timestamp }: LogRecord) =>
  Math.max(timestamp, partition.clock.time)

/** Its layout, or why it is refused; undefined if it has to be read. */
function layoutOf(
  { reader, store }: ShardParts,
  partition: Partition,
  target: Target,
  record: LogRecord,
): CompiledLayout | RefusedError | undefined {
  const known = store.layoutOf(reader, target.newest)
  if (known || isWithinBudget(partition, target, logTime(partition, record))) return known
  return overBudget(target)
}

/** Finds a known target by comparing bytes, without decoding its labels. */
function knownTarget(
  shard: ShardParts,
  partition: Partition,
  record: LogRecord,
): Target | undefined {
  if (record.key === null)
    throw new RefusedError('key', 'the record has no key; the key identifies the target')
  const target = partition.targets.get(record.key.toString('latin1'))
  if (target && !shard.reader.hasTarget(target.labelBytes)) {
    throw new RefusedError('key', 'the key does not match the target in the value')
  }
  return target
}

/** No parts, once the last one of a split snapshot was found; null before. */
function headerOfLastPart({ reader }: ShardParts): readonly SnapshotPart[] | null {
  return reader.part === reader.parts - 1 ? [] : null
}

/**
 * Discards parts of an earlier split snapshot, whose remaining parts will not arrive. Those of a
 * newer run, which is beginning, may still arrive.
 */
function singlePart(
  { incarnation }: SnapshotReader,
  { incoming }: Target,
  part: SnapshotPart | null,
): readonly SnapshotPart[] {
  if (incoming && incoming.incarnation <= incarnation) incoming.discard('superseded')
  return part ? [part] : []
}

function collect(
  shard: ShardParts,
  partition: Partition,
  target: Target,
  part: SnapshotPart,
  now: Instant,
): readonly SnapshotPart[] | null {
  const { reader, options, assemblies } = shard
  const { clock } = partition
  if (!target.incoming) {
    target.incoming = assemblies.create()
    target.recount()
  }
  const { incoming } = target
  if (reader.incarnation < incoming.incarnation) {
    // Parts of a newer run that never became complete do not stop an older one for longer.
    const window = staleWindow(incoming.incarnation, incoming.intervalMs, options)
    const hasEnded = incoming.isEmpty && target.runs.find(incoming.incarnation)?.ended
    if (hasEnded || clock.since(target.incomingAt, window) > window) incoming.restart()
  }
  const parts = incoming.add(reader, part, now)
  target.incomingAt = clock.time
  return parts
}
