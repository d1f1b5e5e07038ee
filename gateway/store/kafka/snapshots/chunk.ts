import { crc32 } from 'node:zlib'
import type { FrozenState } from '../../../state/machine.js'

/*
 * A record of the topic of snapshots is one chunk. docs/gateway-log.md describes the layout. The
 * first eight bytes and the position of the version are those of every version.
 */

/** `PGS` and a zero byte. */
const MAGIC = 0x50475300
const VERSION = 1
const HEADER_BYTES = 74
const CHECKED_FROM = 8

const LAST = 1
const CONTINUES = 2
const HAS_RECORD = 4

export const ID_BYTES = 16

/** What a snapshot holds besides the parts of the state. */
export type FrozenHeader = Pick<FrozenState, 'offset' | 'time' | 'last'>

export interface Chunk {
  /** Of the snapshot: 16 random bytes. */
  readonly id: Buffer
  readonly header: FrozenHeader
  /** From 0. */
  readonly number: number
  /** Number of chunks of the snapshot, known in its last one; otherwise undefined. */
  readonly chunks: number | undefined
  /** Whether the part of the state goes on in the next chunk. */
  readonly continues: boolean
  readonly body: Buffer
}

export type ReadChunk =
  | { readonly kind: 'chunk'; readonly chunk: Chunk }
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'newer_version'; readonly version: number }

export function encodeChunk({ id, header, number, chunks, continues, body }: Chunk): Buffer {
  const { offset, time, last } = header
  const bytes = Buffer.alloc(HEADER_BYTES + body.length)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes[8] = VERSION
  bytes[9] =
    (chunks === undefined ? 0 : LAST) | (continues ? CONTINUES : 0) | (last ? HAS_RECORD : 0)
  id.copy(bytes, 10)
  bytes.writeBigInt64BE(BigInt(offset), 26)
  bytes.writeBigInt64BE(BigInt(time), 34)
  if (last) {
    bytes.writeBigInt64BE(BigInt(last.time), 42)
    last.id.copy(bytes, 50)
  }
  bytes.writeUInt32BE(number, 66)
  bytes.writeUInt32BE(chunks ?? 0, 70)
  body.copy(bytes, HEADER_BYTES)
  bytes.writeUInt32BE(crc32(bytes.subarray(CHECKED_FROM)), 4)
  return bytes
}

/** Reads a record of the topic. Never throws. The body is a slice of the record. */
export function readChunk(bytes: Buffer | null): ReadChunk {
  if (!bytes || bytes.length <= CHECKED_FROM || bytes.readUInt32BE(0) !== MAGIC)
    return malformed('it is no chunk of a snapshot')
  if (crc32(bytes.subarray(CHECKED_FROM)) !== bytes.readUInt32BE(4))
    return malformed('its checksum is wrong')
  const version = bytes[8]
  if (version > VERSION) return { kind: 'newer_version', version }
  if (version !== VERSION || bytes.length < HEADER_BYTES) return malformed('it is too short')
  const flags = bytes[9]
  const number = bytes.readUInt32BE(66)
  const chunks = bytes.readUInt32BE(70)
  const offset = numberAt(bytes, 26)
  if (offset < 0 || chunks !== (flags & LAST ? number + 1 : 0))
    return malformed('its header contradicts itself')
  return {
    kind: 'chunk',
    chunk: {
      id: bytes.subarray(10, 26),
      header: {
        offset,
        time: numberAt(bytes, 34),
        last:
          flags & HAS_RECORD
            ? { time: numberAt(bytes, 42), id: Buffer.from(bytes.subarray(50, 66)) }
            : null,
      },
      number,
      chunks: flags & LAST ? chunks : undefined,
      continues: (flags & CONTINUES) !== 0,
      body: bytes.subarray(HEADER_BYTES),
    },
  }
}

const malformed = (reason: string): ReadChunk => ({ kind: 'malformed', reason })
const numberAt = (bytes: Buffer, at: number) => Number(bytes.readBigInt64BE(at))

/**
 * The chunks of a state, encoded. Parts that are larger than a chunk are split, empty parts are
 * returned as undefined: they are pauses.
 *
 * @param maxBody bytes of a chunk without its header
 */
export function* chunksOf(
  id: Buffer,
  header: FrozenHeader,
  parts: Iterable<Buffer>,
  maxBody: number,
): Generator<Buffer | undefined, void> {
  let number = 0
  // One body is held back: only the end of the parts tells which one is the last.
  let held: { body: Buffer; continues: boolean } | undefined
  const encode = ({ body, continues }: { body: Buffer; continues: boolean }, last: boolean) => {
    const chunks = last ? number + 1 : undefined
    return encodeChunk({ id, header, number: number++, chunks, continues, body })
  }
  for (const part of parts) {
    if (part.length === 0) yield undefined
    for (let from = 0; from < part.length; from += maxBody) {
      if (held) yield encode(held, false)
      const body = part.subarray(from, from + maxBody)
      held = { body, continues: from + maxBody < part.length }
    }
  }
  yield encode(held ?? { body: Buffer.alloc(0), continues: false }, true)
}
