import { BytesReader } from '../../shared/snapshot/bytes-reader.js'
import type { BytesWriter } from '../../shared/snapshot/bytes-writer.js'
import type { AppliedId } from './applied-ids.js'
import { Block } from './block.js'
import { readFamily, writeFamily } from './family-codec.js'
import { FormatError } from './format-error.js'
import type { IngestedFamily, IngestedValue } from './ingested-family.js'
import type { Tombstone } from './machine.js'
import { readLabels, writeLabels } from './request-codec.js'
import { DONE, PUSHED_TYPES, type PushedType } from './types.js'
import type { HeldGroup } from './view.js'

/** Kinds of items; a part of a snapshot is a list of them. */
const GROUP = 1
const INGESTED_FAMILY = 2
const SERIES = 3
const TOMBSTONE = 4
const ID = 5

const MAX_TEXT = 1024 * 1024 * 1024
const LEGACY = 1

export type Item =
  | { readonly kind: 'group'; readonly group: HeldGroup; readonly blocks: readonly Block[] }
  | { readonly kind: 'ingested family'; readonly family: IngestedFamily }
  /** Belongs to the family before it. */
  | { readonly kind: 'series'; readonly text: string; readonly value: IngestedValue }
  | { readonly kind: 'tombstone'; readonly tombstone: Tombstone }
  | { readonly kind: 'id'; readonly id: AppliedId }

/** An expiry: −1 for never. */
const written = (time: number) => (time === Number.POSITIVE_INFINITY ? -1 : time)
const read = (time: number) => (time === -1 ? Number.POSITIVE_INFINITY : time)

export function writeGroup(writer: BytesWriter, group: HeldGroup): void {
  writer.long(GROUP)
  writeLabels(writer, group.labels)
  writer.long(group.pushedAt)
  writer.long(group.failedAt)
  writer.long(written(group.expiresAt))
  writer.long(group.families.size)
  for (const block of group.families.values() as Iterable<Block>) {
    writer.long(block.since)
    writer.long(block.pushedAt)
    writer.long(block.repeats)
    writer.long(block.isLegacy ? LEGACY : 0)
    writeFamily(writer, block)
  }
}

export function writeIngestedFamily(writer: BytesWriter, family: IngestedFamily): void {
  writer.long(INGESTED_FAMILY)
  writer.string(family.name)
  writer.long(PUSHED_TYPES.indexOf(family.type))
  writer.string(family.help)
  writer.long(family.since)
}

export function writeSeries(writer: BytesWriter, text: string, value: IngestedValue): void {
  writer.long(SERIES)
  writer.bytes(Buffer.from(text, 'latin1'))
  writer.double(value.value)
  writer.long(written(value.expiresAt))
}

export function writeTombstone(writer: BytesWriter, { labels, removedAt }: Tombstone): void {
  writer.long(TOMBSTONE)
  writeLabels(writer, labels)
  writer.long(removedAt)
}

export function writeId(writer: BytesWriter, { id, content, time, outcome }: AppliedId): void {
  writer.long(ID)
  writer.fixed(id)
  writer.long(content)
  writer.long(time)
  writer.string(outcome.kind === 'inconsistent' ? outcome.message : '')
}

/**
 * Reads the items of a part one by one.
 *
 * @throws FormatError or RefusedError of the reader
 */
export function* readItems(part: Buffer): Generator<Item> {
  const reader = new BytesReader('record')
  reader.reset(part)
  while (reader.remaining > 0) yield readItem(reader)
}

function readItem(reader: BytesReader): Item {
  const kind = reader.long()
  if (kind === GROUP) return readGroup(reader)
  if (kind === INGESTED_FAMILY) {
    const { name, type, help } = readHead(reader)
    return {
      kind: 'ingested family',
      family: { name, type, help, since: reader.long(), series: new Map() },
    }
  }
  if (kind === SERIES) {
    const text = latin1(reader)
    const value = reader.double()
    return { kind: 'series', text, value: { value, expiresAt: read(reader.long()) } }
  }
  if (kind === TOMBSTONE)
    return {
      kind: 'tombstone',
      tombstone: { labels: readLabels(reader), removedAt: reader.long() },
    }
  if (kind === ID) return readId(reader)
  throw new FormatError(`a part of a snapshot has an item of the unknown kind ${kind}`)
}

function readGroup(reader: BytesReader): Item {
  const labels = readLabels(reader)
  const pushedAt = reader.long()
  const failedAt = reader.long()
  const expiresAt = read(reader.long())
  const count = reader.count(10_000_000, 0, 8, 'families of a push group')
  const blocks: Block[] = []
  for (let i = 0; i < count; i++) {
    const since = reader.long()
    const at = reader.long()
    const repeats = reader.long()
    const isLegacy = (reader.long() & LEGACY) !== 0
    blocks.push(new Block(readFamily(reader), { since, pushedAt: at, repeats, isLegacy }))
  }
  const group: HeldGroup = {
    labels,
    labelText: '',
    families: new Map(blocks.map(block => [block.name, block])),
    samples: 0,
    pushedAt,
    failedAt,
    expiresAt,
  }
  return { kind: 'group', group, blocks }
}

function readHead(reader: BytesReader): { name: string; type: PushedType; help: string } {
  const name = reader.string(MAX_TEXT, 'a metric name')
  const type = PUSHED_TYPES[reader.long()]
  if (type === undefined) throw new FormatError('a family of a snapshot has an unknown type')
  return { name, type, help: reader.string(MAX_TEXT, 'a help text') }
}

function readId(reader: BytesReader): Item {
  const from = reader.position
  reader.skip(16)
  const id = Buffer.from(reader.buffer.subarray(from, from + 16))
  const content = reader.long()
  const time = reader.long()
  const message = reader.string(MAX_TEXT, 'an outcome')
  const outcome = message === '' ? DONE : ({ kind: 'inconsistent', message } as const)
  return { kind: 'id', id: { id, content, time, outcome } }
}

function latin1(reader: BytesReader): string {
  const length = reader.length(MAX_TEXT, 'a text')
  const from = reader.position
  reader.skip(length)
  return reader.buffer.toString('latin1', from, from + length)
}
