import type { Instant } from '../../shared/clock.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { partitionFor } from '../../shared/snapshot/murmur2.js'
import { Parts } from '../../shared/snapshot/parts.js'
import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { validateTarget } from '../../shared/snapshot/validate.js'
import type { CompiledLayout } from './compiled-layout.js'
import type { Counters } from './counters.js'
import type { ShardOptions } from './options.js'
import type { Partition } from './partition.js'
import { prune, recycle } from './playout.js'
import type { RawPool } from './raw-pool.js'
import type { HeldPart, Snapshot } from './snapshot.js'
import { Target } from './target.js'

/** What applying a record needs of its shard. */
export interface Holder {
  readonly options: ShardOptions
  readonly counters: Counters
  readonly reader: SnapshotReader
  readonly partitionCount: number
  readonly targets: Map<string, Target>
  readonly raws: RawPool
  layoutOf(reader: SnapshotReader): CompiledLayout
  retain(layout: CompiledLayout): void
  release(layout: CompiledLayout): void
}

/**
 * Applies one record.
 *
 * @throws RefusedError when the record breaks a rule; nothing has changed then
 */
export function applyRecord(holder: Holder, partition: Partition, record: LogRecord, now: Instant): void {
  const { reader } = holder
  if (record.value === null) {
    throw record.unreadable === undefined
      ? new RefusedError('schema', 'a record without a value; snapshots are never deleted by a tombstone')
      : new RefusedError('codec', 'its batch could not be read; publish uncompressed or with gzip')
  }
  reader.open(record.value)
  const known = knownTarget(holder, record)
  if (known) checkOrder(known, reader)
  const target = known ?? newTarget(holder, partition, record)
  const part = readPart(holder, target, partition.loaded)
  if (!known) admit(holder, partition, target)
  partition.clock.consumed(
    record.timestamp,
    holder.options.staleAfterIntervals * reader.intervalMs,
    target.appendedAt,
  )
  holder.retain(part.layout)
  const parts = reader.parts === 1 ? [part] : collect(holder, target, part)
  if (parts) complete(holder, target, parts, record.timestamp, now)
  // Delays of the past say nothing of how things are.
  if (parts && partition.loaded) observeDelays(holder, record.timestamp, now)
}

/** A known target is recognised by its bytes: no text is decoded for it. */
function knownTarget(holder: Holder, record: LogRecord): Target | undefined {
  if (record.key === null) throw new RefusedError('key', 'a record without a key; the key is the target')
  const target = holder.targets.get(record.key.toString('latin1'))
  if (target && !holder.reader.sameTarget(target.labelBytes)) {
    throw new RefusedError('key', 'the key is not that of the target inside')
  }
  return target
}

function newTarget(holder: Holder, partition: Partition, record: LogRecord): Target {
  const { reader, options } = holder
  const labels = reader.target()
  validateTarget(labels, options.limits)
  const key = targetKey(labels)
  if (!record.key!.equals(key)) {
    throw new RefusedError(
      'key',
      'the key is not that of the target inside: name NUL value NUL of its labels, sorted',
    )
  }
  const wanted = partitionFor(key, holder.partitionCount)
  if (wanted !== partition.number) {
    throw new RefusedError(
      'partition',
      `the target belongs to partition ${wanted} of ${holder.partitionCount} (murmur2 of the key), not ${partition.number}`,
    )
  }
  if (holder.targets.size >= options.maxTargets) {
    throw new RefusedError('limit', `more than ${options.maxTargets} targets; add shards`)
  }
  return new Target(key.toString('latin1'), labels, Buffer.from(reader.targetBytes), partition.number)
}

function admit(holder: Holder, partition: Partition, target: Target): void {
  holder.targets.set(target.key, target)
  partition.targets.add(target)
}

function checkOrder(target: Target, { incarnation, sequence, collectedAt }: SnapshotReader): void {
  if (incarnation < target.incarnation) {
    throw new RefusedError(
      'incarnation',
      `an older run (started ${incarnation}) of a target whose newest started ${target.incarnation}; do two apps share its labels?`,
    )
  }
  if (incarnation > target.incarnation) return
  if (sequence <= target.sequence) {
    throw new RefusedError('order', `sequence ${sequence} is not above the last, ${target.sequence}`)
  }
  if (collectedAt <= target.collectedAt) {
    throw new RefusedError('order', `collectedAt ${collectedAt} is not above the last, ${target.collectedAt}`)
  }
}

/** During replay only a copy of the bytes is kept: most of what is read there is superseded before anybody asks. */
function readPart(holder: Holder, target: Target, live: boolean): HeldPart {
  const { reader } = holder
  const layout = holder.layoutOf(reader)
  if (!live && reader.parts === 1) {
    const raw = holder.raws.copy(reader.bodyBytes())
    return { layout, values: null, raw, timestamps: null, exemplars: null }
  }
  const spare = takeSpare(target, layout.series)
  return { layout, raw: null, ...reader.body(layout.series, spare) }
}

function takeSpare(target: Target, length: number): Float64Array | undefined {
  const { spare } = target
  for (let i = 0; i < spare.length; i++) {
    if (spare[i].length === length) return spare.splice(i, 1)[0]
  }
  return undefined
}

function collect(holder: Holder, target: Target, part: HeldPart): readonly HeldPart[] | null {
  const { reader, options } = holder
  target.incoming ??= new Parts({
    maxSize: options.limits.samples,
    onDropped: given => holder.release(given.layout),
  })
  try {
    return target.incoming.offer(reader, part, part.layout.series)
  } catch (error) {
    holder.release(part.layout)
    throw error
  }
}

function complete(
  holder: Holder,
  target: Target,
  parts: readonly HeldPart[],
  appendedAt: number,
  now: Instant,
): void {
  const { reader, options, counters } = holder
  countGap(target, reader, counters)
  const skew = reader.collectedAt - appendedAt
  if (Math.abs(skew) > options.maxSkewMs) counters.skewed++
  const clamped = Math.min(Math.max(skew, -options.maxSkewMs), options.maxSkewMs)
  const series = parts.reduce((sum, part) => sum + part.layout.series, 0)
  if (series > options.limits.samples) {
    for (const part of parts) holder.release(part.layout)
    throw new RefusedError(
      'limit',
      `${series} samples in one snapshot, over the limit of ${options.limits.samples}`,
    )
  }
  const snapshot: Snapshot = {
    incarnation: reader.incarnation,
    sequence: reader.sequence,
    collectedAt: appendedAt + clamped,
    appendedAt,
    appliedAt: now.wall,
    intervalMs: reader.intervalMs,
    collectSeconds: reader.collectSeconds,
    end: reader.end,
    parts,
    series,
    readers: 0,
    served: false,
  }
  adopt(holder, target, snapshot, now)
  target.incarnation = reader.incarnation
  target.sequence = reader.sequence
  target.superseded = reader.superseded
  target.collectedAt = reader.collectedAt
  target.intervalMs = reader.intervalMs
  target.appendedAt = appendedAt
  counters.snapshots++
  counters.samples += series
}

function observeDelays({ options, reader }: Holder, appendedAt: number, now: Instant): void {
  options.onDelay('produce', Math.max(0, appendedAt - reader.collectedAt) / 1000)
  options.onDelay('consume', Math.max(0, now.wall - appendedAt) / 1000)
}

function adopt(holder: Holder, target: Target, snapshot: Snapshot, now: Instant): void {
  const { snapshots } = target
  const replaying = snapshot.parts.some(part => part.raw !== null)
  // In replay nothing was played yet, so that nothing but the newest is of use.
  const gone = replaying ? snapshots.splice(0) : []
  snapshots.push(snapshot)
  gone.push(...prune(target, now.wall, holder.options.playoutDelayMs))
  for (const old of gone) {
    recycle(target, old, holder.raws)
    for (const part of old.parts) holder.release(part.layout)
  }
}

/** What lies between two sequences and was not replaced unsent was lost on the way. */
function countGap(target: Target, reader: SnapshotReader, counters: Counters): void {
  const { incarnation, sequence, superseded } = reader
  if (target.incarnation === incarnation) {
    const replaced = Math.max(0, superseded - target.superseded)
    counters.superseded += replaced
    counters.missed += Math.max(0, sequence - target.sequence - 1 - replaced)
  } else if (target.incarnation >= 0) {
    counters.superseded += superseded
    counters.missed += Math.max(0, sequence - superseded)
  }
}
