/**
 * Murmur2 as in the Java client of Kafka (org.apache.kafka.common.utils.Utils#murmur2, seed
 * 0x9747b28c). A producer in another language chooses the same partition if it hashes the key in
 * the same way.
 *
 * @returns a signed 32-bit integer
 */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995
  const length = bytes.length
  let h = 0x9747b28c ^ length
  const blocksEnd = length & ~3
  for (let i = 0; i < blocksEnd; i += 4) {
    let k = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    k = Math.imul(k, m)
    h = Math.imul(h, m) ^ k
  }
  const rest = length & 3
  if (rest === 3) h ^= bytes[blocksEnd + 2] << 16
  if (rest >= 2) h ^= bytes[blocksEnd + 1] << 8
  if (rest >= 1) h = Math.imul(h ^ bytes[blocksEnd], m)
  h ^= h >>> 13
  h = Math.imul(h, m)
  return h ^ (h >>> 15)
}

/**
 * The partition of a key: the hash without its sign bit, modulo the partition count of the topic.
 */
export function partitionFor(key: Uint8Array, partitionCount: number): number {
  return hashOf(key) % partitionCount
}

/** The hash of a key without its sign bit. */
export const hashOf = (key: Uint8Array): number => murmur2(key) & 0x7fffffff
