/** The Castagnoli polynomial, bit-reversed. */
const POLYNOMIAL = 0x82f63b78
/** Eight concatenated tables for the "slicing by 8" algorithm. */
const TABLES = tables()

function tables(): Int32Array {
  const all = new Int32Array(8 * 256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    all[i] = crc
  }
  for (let i = 256; i < all.length; i++) all[i] = (all[i - 256] >>> 8) ^ all[all[i - 256] & 0xff]
  return all
}

/**
 * CRC-32C (Castagnoli) of the bytes from `from` (inclusive) to `to` (exclusive), unsigned.
 *
 * @param before CRC of what precedes them
 * @see https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
 */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length, before = 0): number {
  const t = TABLES
  let crc = ~before
  let i = from
  for (const last = to - 7; i < last; i += 8) {
    const low = crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24))
    crc =
      t[1792 + (low & 0xff)] ^
      t[1536 + ((low >>> 8) & 0xff)] ^
      t[1280 + ((low >>> 16) & 0xff)] ^
      t[1024 + (low >>> 24)] ^
      t[768 + bytes[i + 4]] ^
      t[512 + bytes[i + 5]] ^
      t[256 + bytes[i + 6]] ^
      t[bytes[i + 7]]
  }
  for (; i < to; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 0xff]
  return ~crc >>> 0
}
