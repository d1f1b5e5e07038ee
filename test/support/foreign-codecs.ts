import { gzipSync } from 'node:zlib'

/*
 * Encoders that store bytes uncompressed in the format of a codec. They produce valid batches of
 * codecs that Node.js does not support; the broker validates them.
 */

const CHUNK = 60_000

function chunks(bytes: Buffer): Buffer[] {
  const all: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK) all.push(bytes.subarray(at, at + CHUNK))
  return all
}

/**
 * A frame of raw blocks: https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md
 */
function storedZstd(bytes: Buffer): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]) // no checksum; a window of 2 MiB
  const blocks = chunks(bytes).map((chunk, i, all) => {
    const head = Buffer.alloc(3)
    head.writeUIntLE((chunk.length << 3) | (i === all.length - 1 ? 1 : 0), 0, 3)
    return Buffer.concat([head, chunk])
  })
  return Buffer.concat([header, ...blocks])
}

/**
 * A frame of uncompressed blocks of up to 64 KiB:
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
function storedLz4(bytes: Buffer): Buffer {
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
  const blocks = chunks(bytes).map(chunk => {
    const head = Buffer.alloc(4)
    head.writeUInt32LE((chunk.length | 0x80000000) >>> 0)
    return Buffer.concat([head, chunk])
  })
  return Buffer.concat([header, ...blocks, Buffer.alloc(4)])
}

/** Chunks of snappy literals in the framing of snappy-java, which Kafka uses. */
function storedSnappy(bytes: Buffer): Buffer {
  const header = Buffer.from('82534e41505059000000000100000001', 'hex')
  const blocks = chunks(bytes).map(chunk => {
    const length: number[] = []
    for (let rest = chunk.length; ; rest >>>= 7) {
      if (rest < 128) {
        length.push(rest)
        break
      }
      length.push((rest & 127) | 128)
    }
    const literal = Buffer.from([
      ...length,
      61 << 2,
      (chunk.length - 1) & 255,
      (chunk.length - 1) >> 8,
    ])
    const head = Buffer.alloc(4)
    head.writeInt32BE(literal.length + chunk.length)
    return Buffer.concat([head, literal, chunk])
  })
  return Buffer.concat([header, ...blocks])
}

export const foreignCodecs = { 1: gzipSync, 2: storedSnappy, 3: storedLz4, 4: storedZstd }
