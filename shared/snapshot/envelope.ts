/**
 * Avro's single-object encoding: two marker bytes and the CRC-64-AVRO of the schema, little endian.
 *
 * The fingerprints are constants because neither applications nor shards need the text of the
 * schemas. Tests compute them from the .avsc files.
 *
 * @see https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding
 */
export const SNAPSHOT_FINGERPRINT = 0xad3645deeda649d3n
export const FAILURE_FINGERPRINT = 0x9eaeaa960c24939bn

/** Length of an envelope, bytes. */
export const ENVELOPE_BYTES = 10
export const SNAPSHOT_ENVELOPE = envelopeOf(SNAPSHOT_FINGERPRINT)
export const FAILURE_ENVELOPE = envelopeOf(FAILURE_FINGERPRINT)

function envelopeOf(fingerprint: bigint): Buffer {
  const envelope = Buffer.alloc(ENVELOPE_BYTES)
  envelope[0] = 0xc3
  envelope[1] = 0x01
  envelope.writeBigUInt64LE(fingerprint, 2)
  return envelope
}
