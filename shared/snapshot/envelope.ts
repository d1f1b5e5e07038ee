/**
 * Avro's single-object encoding: two marker bytes and the schema's CRC-64-AVRO, little endian.
 *
 * The fingerprint is written out because neither app nor shard needs the schema's text; a test computes it from snapshot.avsc.
 *
 * @see https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding
 */
export const SNAPSHOT_FINGERPRINT = 0xad3645deeda649d3n

export const ENVELOPE: Buffer = Buffer.alloc(10)
ENVELOPE[0] = 0xc3
ENVELOPE[1] = 0x01
ENVELOPE.writeBigUInt64LE(SNAPSHOT_FINGERPRINT, 2)
