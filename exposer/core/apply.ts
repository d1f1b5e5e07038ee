import type { Instant } from '../../shared/base/clock.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { Parts } from '../../shared/snapshot/parts.js'
import type { SnapshotReader } from '../../shared/snapshot/read.js'
import { refusalOf } from '../../shared/snapshot/unreadable.js'
import { validateTarget } from '../../shared/snapshot/validate.js'
import { complete } from './complete.js'
import type { Holder } from './holder.js'
import { Ledger } from './ledger.js'
import { playoutOptions } from './options.js'
import type { Partition } from './partition.js'
import { Playout } from './playout/playout.js'
import type { HeldPart } from './snapshot.js'
import { Target } from './target.js'

/**
 * Applies one record.
 *
 * @throws RefusedError when the record breaks a rule; nothing has changed then
 */
export function applyRecord(holder: Holder, partition: Partition, record: LogRecord, now: Instant): void {
  const { reader } = holder
  if (record.value === null) throw refusalOf(record)
  reader.open(record.value)
  const known = knownTarget(holder, record)
  if (known) checkOrder(known, reader)
  const target = known ?? newTarget(holder, partition, record)
  try {
    const part = readPart(holder, target, partition.loaded)
    if (!known) admit(holder, partition, target)
    partition.clock.consumed(
      record.timestamp,
      holder.options.staleAfterIntervals * reader.intervalMs,
      target.cameAt,
    )
    holder.retain(part.layout)
    const parts = reader.parts === 1 ? whole(target, part) : collect(holder, target, part)
    if (parts) complete(holder, partition, target, parts, record.timestamp, now)
    target.heardAt = partition.clock.time
  } catch (error) {
    if (error instanceof RefusedError)
      noteRefusal(holder, partition, target, error, Math.max(record.timestamp, partition.clock.time))
    throw error
  }
}

/**
 * The target is told why it is not shown, and the ledger where the snapshot went. One that is over a limit from its first
 * snapshot is let in for that, so that people find it.
 */
function noteRefusal(
  holder: Holder,
  partition: Partition,
  target: Target,
  { reason, message }: RefusedError,
  at: number,
): void {
  // It lies before what is known: nothing of the target has changed by it.
  if (reason === 'order' || reason === 'incarnation') return
  const { reader } = holder
  if (!holder.targets.has(target.key)) {
    if (reason !== 'limit') return
    target.intervalMs = reader.intervalMs
    admit(holder, partition, target)
  }
  const { incarnation, sequence } = reader
  const before = target.refusal?.incarnation === incarnation ? target.refusal : null
  const again = before !== null && before.sequence >= sequence
  // The parts of one snapshot are one.
  if (!again && partition.loaded) target.ledger.refused(reason)
  target.refusal = {
    reason,
    message,
    at,
    incarnation,
    sequence: again ? before.sequence : sequence,
    count: (before?.count ?? 0) + (again ? 0 : 1),
  }
  target.heardAt = at
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
  return new Target(
    key.toString('latin1'),
    labels,
    Buffer.from(reader.targetBytes),
    partition.number,
    new Ledger(holder.ledger),
    new Playout(playoutOptions(options)),
  )
}

function admit(holder: Holder, partition: Partition, target: Target): void {
  target.moved = !partition.loaded
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

/** What is held of a split snapshot has been overtaken: its rest will not come. */
function whole(target: Target, part: HeldPart): readonly HeldPart[] {
  target.incoming?.giveUp()
  return [part]
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
