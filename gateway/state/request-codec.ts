import { crc32 } from 'node:zlib'
import { runNow, type Steps } from '../../shared/base/steps.js'
import type { Label } from '../../shared/metrics/model.js'
import { BytesReader } from '../../shared/snapshot/bytes-reader.js'
import { BytesWriter } from '../../shared/snapshot/bytes-writer.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { readFamily, writeFamily } from './family-codec.js'
import { FormatError } from './format-error.js'
import { METHODS, type PushedFamily, type PushRequest } from './types.js'

/** `PGR`: the beginning of a record. */
const MAGIC = [0x50, 0x47, 0x52]
const VERSION_AT = 3
const CRC_AT = 4
const ID_AT = 8
/** The version that is written. Records of later versions are not read. */
const RECORD_VERSION = 1
export const ID_BYTES = 16
const HEAD_BYTES = ID_AT + ID_BYTES
/** Bytes whose checksum is computed in one step. */
const CRC_STEP_BYTES = 1024 * 1024
const CHECKED = 1
const MAX_LABELS = 10_000
const MAX_LABEL_BYTES = 16 * 1024 * 1024
const MAX_FAMILIES = 10_000_000
const FAMILIES_PER_STEP = 200

/** A record of a version that this program does not know. */
export class NewerVersion extends Error {
  override readonly name = 'NewerVersion'
  constructor(readonly version: number) {
    super(`the record has version ${version}; this program reads versions up to ${RECORD_VERSION}`)
  }
}

export interface ReadRequest extends PushRequest {
  /** Checksum of method, grouping key and families: another request with the same id differs. */
  readonly content: number
}

/** Encodes a record: head, expiry and flags, then the content. See docs/gateway-log.md. */
export function encodeRequest(request: PushRequest): Buffer {
  return runNow(encodeRequestInSteps(request))
}

/** As `encodeRequest`, in steps. */
export function* encodeRequestInSteps(request: PushRequest): Steps<Buffer> {
  const { id, method, labels, families, expiryMs, checked } = request
  if (id.length !== ID_BYTES) throw new Error(`an id has ${ID_BYTES} bytes`)
  const writer = new BytesWriter(recordBytes(request))
  writer.fixed(Buffer.of(...MAGIC, RECORD_VERSION, 0, 0, 0, 0))
  writer.fixed(id)
  writer.fixed(Buffer.of(checked ? CHECKED : 0))
  writer.long(expiryMs)
  writer.fixed(Buffer.of(METHODS.indexOf(method)))
  writeLabels(writer, labels)
  writer.long(families.length)
  for (const family of families) {
    writeFamily(writer, family)
    if (family.series.length > CRC_STEP_BYTES) yield
  }
  const record = writer.take()
  record.writeUInt32BE(yield* checksumOf(record, ID_AT, headSum(record)), CRC_AT)
  return record
}

/** Size of the record of a request, or some bytes more. */
export function recordBytes({ labels, families }: PushRequest): number {
  let bytes = 64
  for (const { name, value } of labels) bytes += 6 + 3 * (name.length + value.length)
  for (const { series, values, help, name } of families)
    bytes += 32 + series.length + values.length * 8 + 3 * (help.length + name.length)
  return bytes
}

/** Of what is before the checksum. */
const headSum = (record: Buffer) => crc32(record.subarray(0, CRC_AT))

function* checksumOf(record: Buffer, from: number, before = 0): Steps<number> {
  let sum = before
  for (let at = from; at < record.length; at += CRC_STEP_BYTES) {
    sum = crc32(record.subarray(at, at + CRC_STEP_BYTES), sum)
    if (record.length - at > CRC_STEP_BYTES) yield
  }
  return sum
}

/**
 * Decodes a record. The texts of the series are not checked yet, see `checkFamily`.
 *
 * @throws NewerVersion
 * @throws FormatError for anything else
 */
export function readRequest(value: Buffer): ReadRequest {
  return runNow(readRequestInSteps(value))
}

/** As `readRequest`, in steps. */
export function* readRequestInSteps(value: Buffer): Steps<ReadRequest> {
  if (value.length < HEAD_BYTES || MAGIC.some((byte, at) => value[at] !== byte))
    throw new FormatError('the record has no head')
  // The head is the same in all versions: what is damaged is not taken for a later version.
  if (value.readUInt32BE(CRC_AT) !== (yield* checksumOf(value, ID_AT, headSum(value))))
    throw new FormatError('the record has a wrong checksum')
  const version = value[VERSION_AT]
  if (version > RECORD_VERSION) throw new NewerVersion(version)
  if (version === 0) throw new FormatError('the record has no version')
  try {
    return yield* readBody(value)
  } catch (error) {
    if (error instanceof RefusedError) throw new FormatError(error.message)
    throw error
  }
}

function* readBody(value: Buffer): Steps<ReadRequest> {
  const reader = new BytesReader('record')
  reader.reset(value, HEAD_BYTES)
  const id = Buffer.from(value.subarray(ID_AT, HEAD_BYTES))
  const flags = byte(reader)
  const expiryMs = reader.long()
  if (expiryMs < 0) throw new FormatError('the expiry is negative')
  const content = yield* checksumOf(value, reader.position)
  const method = METHODS[byte(reader)]
  if (method === undefined) throw new FormatError('the method is unknown')
  const labels = readLabels(reader)
  if (new Set(labels.map(({ name }) => name)).size < labels.length)
    throw new FormatError('the grouping key has a label twice')
  const families: PushedFamily[] = []
  const count = reader.count(MAX_FAMILIES, 0, 5, 'families')
  for (let i = 0; i < count; i++) {
    const family = readFamily(reader)
    families.push(family)
    if (family.series.length > CRC_STEP_BYTES || i % FAMILIES_PER_STEP === 0) yield
  }
  reader.expectEnd()
  return { id, method, labels, families, expiryMs, checked: (flags & CHECKED) !== 0, content }
}

function byte(reader: BytesReader): number {
  if (reader.remaining === 0) throw reader.truncated()
  return reader.buffer[reader.position++]
}

export function writeLabels(writer: BytesWriter, labels: readonly Label[]): void {
  writer.long(labels.length)
  for (const { name, value } of labels) {
    writer.string(name)
    writer.string(value)
  }
}

export function readLabels(reader: BytesReader): Label[] {
  const labels: Label[] = []
  const count = reader.count(MAX_LABELS, 0, 2, 'labels of a grouping key')
  for (let i = 0; i < count; i++)
    labels.push({
      name: reader.string(MAX_LABEL_BYTES, 'a label name'),
      value: reader.string(MAX_LABEL_BYTES, 'a label value'),
    })
  return labels
}

/** Identifies a record of the log beside its append time: its id, or zeros if it has none. */
export function recordId(value: Buffer): Buffer {
  return value.length < HEAD_BYTES
    ? Buffer.alloc(ID_BYTES)
    : Buffer.from(value.subarray(ID_AT, HEAD_BYTES))
}
