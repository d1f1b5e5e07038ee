import { hashOf } from '../../../shared/base/murmur2.js'
import type { Label } from '../../../shared/metrics/model.js'

/** Number of buckets. It is part of the layout of the data and never changes. */
export const BUCKETS = 256
/** Version of the layout of the data. It is part of every key. */
const LAYOUT = 1

/** The keys of one bucket, which are all in one hash slot. */
export interface BucketKeys {
  /** Hash: version and figures of the bucket. */
  readonly meta: string
  /** Hash: push group → times, figures and version. */
  readonly index: string
  /** Sorted set: push groups that expire, by the time at which they do. */
  readonly due: string
  /** Hash: request id → outcome; the newer generation. */
  readonly ids: string
  /** The older generation of `ids`. */
  readonly oldIds: string
  /** Hash: ingested series → times and value. */
  readonly series: string
  /** Sorted set: ingested series that expire, by the time at which they do. */
  readonly seriesDue: string
  /** Hash: family → its series and values. */
  group(name: string): string
}

/**
 * The keys of all buckets: `<prefix>pushes:1:{<bucket>}:…`. The bucket is the hash tag, so that one
 * script on one node may use all keys of a bucket.
 */
export function bucketKeys(prefix: string): readonly BucketKeys[] {
  return Array.from({ length: BUCKETS }, (_, bucket) => {
    const base = `${prefix}pushes:${LAYOUT}:{${tagOf(bucket)}}:`
    return {
      meta: `${base}meta`,
      index: `${base}index`,
      due: `${base}due`,
      ids: `${base}ids`,
      oldIds: `${base}ids-old`,
      series: `${base}series`,
      seriesDue: `${base}series-due`,
      group: (name: string) => `${base}group:${name}`,
    }
  })
}

/** Hash slot of a bucket in a Redis Cluster. */
export const slotOf = (bucket: number): number => crc16(Buffer.from(tagOf(bucket))) % 16_384

export const bucketOf = (text: string): number => hashOf(Buffer.from(text)) % BUCKETS

/** The name of a push group in keys: its grouping key as a JSON array, `["job","a"]`. */
export const groupName = (labels: readonly Label[]): string =>
  JSON.stringify(labels.flatMap(({ name, value }) => [name, value]))

/** @returns undefined if the text is no name of a push group */
export function parseGroupName(text: string): readonly Label[] | undefined {
  try {
    const parts: unknown = JSON.parse(text)
    if (!Array.isArray(parts) || parts.length % 2 || parts.some(part => typeof part !== 'string'))
      return undefined
    return Array.from({ length: parts.length / 2 }, (_, i) => ({
      name: parts[2 * i],
      value: parts[2 * i + 1],
    }))
  } catch {
    return undefined
  }
}

const tagOf = (bucket: number): string => bucket.toString(16).padStart(2, '0')

/** CRC16 of the Redis Cluster specification (XMODEM). */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  }
  return crc
}
