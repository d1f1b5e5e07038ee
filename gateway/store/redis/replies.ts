import type { Reply } from './connection/connection.js'
import type { BucketFigures } from './figures.js'

/** What a script of a request has answered. */
export interface WriteReply {
  /** `d` done, `i` inconsistent, `r` id reused, `c` the push group has another version. */
  readonly code: string
  readonly message: string
  /** Time of the server, Unix ms. */
  readonly time: number
  readonly figures: BucketFigures
  /** Push groups or series that the script removed because they had expired. */
  readonly expired: number
}

export function parseWrite(reply: Reply): WriteReply {
  const [code, message, time, groups, samples, bytes, series, expired] = reply as readonly Reply[]
  return {
    code: String(code),
    message: String(message),
    time: Number(time),
    figures: {
      groups: Number(groups),
      samples: Number(samples) + Number(series),
      bytes: Number(bytes),
      series: Number(series),
    },
    expired: Number(expired),
  }
}

/** The entry of a push group in the index of its bucket. */
export interface GroupEntry {
  readonly pushedAt: number
  readonly failedAt: number
  /** Infinity if it does not expire. */
  readonly expiresAt: number
  readonly samples: number
  /** Estimate of what Redis needs for it. */
  readonly bytes: number
  /** When the push group was created, by the clock of the server, Unix µs. */
  readonly since: number
  readonly version: string
}

export interface BucketReply {
  readonly time: number
  readonly version: string
  readonly figures: BucketFigures
  readonly seriesVersion: string
  /** Version of the last wipe; empty if there was none. */
  readonly wiped: string
  /** Whether something has expired and is still stored. */
  readonly hasExpired: boolean
  /** Undefined if the version is the one that the reader has. */
  readonly index: ReadonlyMap<string, GroupEntry> | undefined
}

export function parseBucket(reply: Reply): BucketReply {
  const [
    time,
    version,
    groups,
    samples,
    bytes,
    seriesVersion,
    series,
    seriesBytes,
    wiped,
    due,
    index,
  ] = reply as readonly Reply[]
  return {
    time: Number(time),
    version: String(version),
    figures: {
      groups: Number(groups),
      samples: Number(samples) + Number(series),
      bytes: Number(bytes) + Number(seriesBytes),
      series: Number(series),
    },
    seriesVersion: String(seriesVersion),
    wiped: String(wiped),
    hasExpired: Number(due) > 0,
    index: index === null ? undefined : parseIndex(index as readonly Reply[]),
  }
}

function parseIndex(flat: readonly Reply[]): Map<string, GroupEntry> {
  const index = new Map<string, GroupEntry>()
  for (let i = 0; i < flat.length; i += 2)
    index.set(String(flat[i]), parseEntry(flat[i + 1] as Buffer))
  return index
}

function parseEntry(entry: Buffer): GroupEntry {
  const [pushedAt, failedAt, expiresAt, samples, bytes, since, version] = entry
    .toString('latin1')
    .split(' ')
  return {
    pushedAt: Number(pushedAt),
    failedAt: Number(failedAt),
    expiresAt: Number(expiresAt) || Number.POSITIVE_INFINITY,
    samples: Number(samples),
    bytes: Number(bytes),
    since: Number(since),
    version,
  }
}

export interface GroupReply {
  readonly entry: GroupEntry
  /** Content of each family, without its header. */
  readonly families: readonly Buffer[]
}

/** @returns undefined if the push group does not exist */
export function parseGroup(reply: Reply): GroupReply | undefined {
  const [entry, flat] = reply as readonly [Buffer | null, readonly Buffer[]]
  if (entry === null) return undefined
  const families = []
  for (let i = 1; i < flat.length; i += 2) families.push(contentOf(flat[i]))
  return { entry: parseEntry(entry), families }
}

const SPACE = 0x20

/** @param value `<time of the push> <type> <samples> <content>` */
function contentOf(value: Buffer): Buffer {
  const afterTime = value.indexOf(SPACE)
  const afterType = value.indexOf(SPACE, afterTime + 1)
  return value.subarray(value.indexOf(SPACE, afterType + 1) + 1)
}
