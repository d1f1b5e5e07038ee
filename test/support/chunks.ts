import { crc32 } from 'node:zlib'
import { encodeChunk } from '../../gateway/store/kafka/snapshots/chunk.js'

/** A chunk of a version, with a valid checksum. */
export function newerChunk(version: number): Buffer {
  const chunk = encodeChunk({
    id: Buffer.alloc(16, 1),
    header: { offset: 1, time: 1, last: null },
    number: 0,
    chunks: 1,
    continues: false,
    body: Buffer.alloc(0),
  })
  chunk[8] = version
  chunk.writeUInt32BE(crc32(chunk.subarray(8)), 4)
  return chunk
}
