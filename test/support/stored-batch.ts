/**
 * A record batch of format 2 as stored on a LogAppendTime topic. Its CRC is 0, because readers do
 * not check it.
 */
export function storedBatch(
  base: number,
  values: readonly string[],
  options: {
    readonly appendTime?: number
    readonly leaderEpoch?: number
    /** Compresses the records; the codec is gzip's. */
    readonly gzip?: (records: Buffer) => Buffer
  } = {},
): Buffer {
  const plain = Buffer.concat(values.map((value, delta) => record(delta, Buffer.from(value))))
  const records = options.gzip ? options.gzip(plain) : plain
  const header = Buffer.alloc(61)
  header.writeBigInt64BE(BigInt(base), 0)
  header.writeInt32BE(header.length + records.length - 12, 8)
  header.writeInt32BE(options.leaderEpoch ?? 0, 12)
  header[16] = 2
  header.writeInt16BE(0x08 | (options.gzip ? 1 : 0), 21)
  header.writeInt32BE(values.length - 1, 23)
  header.writeBigInt64BE(BigInt(options.appendTime ?? 1_700_000_000_000), 35)
  header.writeInt32BE(values.length, 57)
  return Buffer.concat([header, records])
}

function record(delta: number, value: Buffer): Buffer {
  // Attributes, timestamp delta, offset delta, empty key, value, no headers.
  const body = Buffer.concat([Buffer.from([0, 0]), varint(delta), varint(0), varint(value.length), value, Buffer.from([0])]) // biome-ignore format: one line
  return Buffer.concat([varint(body.length), body])
}

/** Zigzag encoding of a non-negative number. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
