import { runInSlices } from '../../../shared/base/steps.js'
import type { PushView } from '../../state/view.js'
import { StoreUnavailable } from '../store.js'
import { BUCKETS, type BucketKeys } from './buckets.js'
import { CachedGroups } from './cached-groups.js'
import type { Reply } from './connection/connection.js'
import { Gate } from './gate.js'
import { type BucketReply, type GroupEntry, parseBucket, parseGroup } from './replies.js'
import type { ScriptRunner } from './runner.js'
import { READ_BUCKET, READ_GROUPS } from './scripts/read.js'
import { type IngestedSeries, parseSeries } from './series.js'

/** Buckets that are asked at the same time, and replies with contents in memory at the same time. */
const PARALLEL_BUCKETS = 64
const PARALLEL_REPLIES = 4
/** Push groups and estimated bytes of one reply. */
const BATCH_GROUPS = 64
const BATCH_BYTES = 512 * 1024
/** Series of one reply, about. */
const SCAN_COUNT = 1000
/** Attempts to read all series of a bucket that is moved to another server meanwhile. */
const SCAN_ATTEMPTS = 3

export interface ReaderOptions {
  readonly keys: readonly BucketKeys[]
  readonly maxReadBytes: number
  readonly onBucket: (bucket: number, reply: BucketReply) => void
  /** Something of the bucket has expired and is still stored. */
  readonly onExpired: (bucket: number) => void
}

/**
 * Reads all buckets, and keeps decoded push groups between reads: of a bucket that has not changed,
 * only the version is read again.
 */
export class Reader {
  #cached = this.#emptyCache()
  /** Whether series may have vanished without a change of versions. */
  #seriesLost = false
  #running: Promise<PushView> | undefined
  #next: Promise<PushView> | undefined
  /** Push groups that were read. */
  groupsRead = 0
  /** Push groups and series that could not be decoded. */
  malformed = 0

  constructor(
    private readonly runner: ScriptRunner,
    private readonly options: ReaderOptions,
  ) {}

  #emptyCache(): CachedGroups {
    return new CachedGroups(() => {
      this.malformed++
    })
  }

  get cached(): CachedGroups {
    return this.#cached
  }

  /** A connection to another server was made, which may have lost the latest requests. */
  onConnection(): void {
    this.#seriesLost = true
  }

  /**
   * Everything that is held. Calls while a read is in progress share the next one, which begins
   * after them.
   *
   * @throws StoreUnavailable
   */
  read(): Promise<PushView> {
    if (!this.#running) {
      this.#running = this.#read().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.read()
      })
    return this.#next
  }

  async #read(): Promise<PushView> {
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket)
    const replies = await inParallel(PARALLEL_BUCKETS, buckets, bucket => this.#ask(bucket))
    this.#checkSize(replies)
    const seriesLost = this.#seriesLost || replies.some((reply, i) => this.#isWiped(i, reply))
    if (seriesLost) {
      this.#seriesLost = false
      await runInSlices(this.#cached.clearSeries())
    }
    const time = Math.max(...replies.map(reply => reply.time))
    await inParallel(PARALLEL_REPLIES, buckets, bucket => this.#update(bucket, replies[bucket]))
    await runInSlices(this.#cached.content.expireIngested(time))
    return this.#cached.content.view(time)
  }

  async #ask(bucket: number): Promise<BucketReply> {
    const { meta, index, due, seriesDue } = this.options.keys[bucket]
    const { version } = this.#cached.bucket(bucket)
    const keys = [meta, index, due, seriesDue]
    const { reply } = await this.runner.run(bucket, READ_BUCKET, keys, [version])
    const read = parseBucket(reply)
    this.options.onBucket(bucket, read)
    if (read.hasExpired) this.options.onExpired(bucket)
    return read
  }

  /** @throws StoreUnavailable if more is held than this gateway may keep in memory */
  #checkSize(replies: readonly BucketReply[]): void {
    const { maxReadBytes } = this.options
    const bytes = replies.reduce((sum, { figures }) => sum + figures.bytes, 0)
    if (Math.max(bytes, this.#cached.bytes) <= maxReadBytes) return
    this.#cached = this.#emptyCache()
    throw new StoreUnavailable(
      `push groups of about ${bytes} bytes are held, more than the ${maxReadBytes} that this gateway may read; raise --memory.limit or delete push groups`,
      false,
    )
  }

  #isWiped(bucket: number, { wiped }: BucketReply): boolean {
    const state = this.#cached.bucket(bucket)
    const isWiped = state.wiped !== wiped
    state.wiped = wiped
    return isWiped
  }

  async #update(bucket: number, reply: BucketReply): Promise<void> {
    const state = this.#cached.bucket(bucket)
    if (reply.index) {
      const { index, time } = reply
      const missing = await runInSlices(this.#cached.setIndex(bucket, index, time))
      for (const names of batches(missing)) await this.#readGroups(bucket, names)
      state.version = reply.version
    }
    if (state.seriesVersion !== reply.seriesVersion) {
      await this.#readSeries(bucket, reply.figures.series)
      state.seriesVersion = reply.seriesVersion
    }
  }

  async #readGroups(bucket: number, names: readonly string[]): Promise<void> {
    const { index, group } = this.options.keys[bucket]
    const keys = [index, ...names.map(group)]
    const { reply } = await this.runner.run(bucket, READ_GROUPS, keys, names)
    const groups = (reply as readonly Reply[]).map(parseGroup)
    this.groupsRead += groups.length
    await runInSlices(this.#cached.setGroups(bucket, names, groups))
  }

  /** @param count number of series that the bucket has */
  async #readSeries(bucket: number, count: number): Promise<void> {
    if (count === 0) return
    for (let attempt = 1; attempt <= SCAN_ATTEMPTS; attempt++) {
      // A cursor is of no use at the server to which the bucket was moved: some may be missing.
      if ((await this.#scanSeries(bucket)) >= count) return
    }
  }

  /** @returns the number of series */
  async #scanSeries(bucket: number): Promise<number> {
    const found = new Set<string>()
    /** The latest push of each family, which its type and its help are of. */
    const latest = new Map<string, IngestedSeries>()
    let cursor = '0'
    do {
      const args = [this.options.keys[bucket].series, cursor, 'COUNT', SCAN_COUNT]
      const { reply } = await this.runner.read(bucket, 'hscan', args)
      const [next, flat] = reply as readonly [Buffer, readonly Buffer[]]
      cursor = String(next)
      const page: IngestedSeries[] = []
      for (let i = 0; i < flat.length; i += 2) {
        const series = parseSeries(flat[i], flat[i + 1])
        found.add(flat[i].toString('latin1'))
        if (!series) {
          this.malformed++
          continue
        }
        page.push(series)
        const known = latest.get(series.family)
        if (!known || isLater(series, known)) latest.set(series.family, series)
      }
      await runInSlices(this.#cached.setSeries(page))
    } while (cursor !== '0')
    await runInSlices(this.#cached.setSeries([...latest.values()]))
    return found.size
  }
}

/** All gateways choose the same of two series that were pushed at the same time. */
const isLater = (a: IngestedSeries, b: IngestedSeries): boolean =>
  a.pushedAt === b.pushedAt ? a.text > b.text : a.pushedAt > b.pushedAt

/** Names of push groups in batches of which each is read by one script. */
function batches(
  missing: readonly { readonly name: string; readonly entry: GroupEntry }[],
): string[][] {
  const lists: string[][] = []
  let bytes = 0
  for (const { name, entry } of missing) {
    const last = lists.at(-1)
    bytes += entry.bytes
    if (last && last.length < BATCH_GROUPS && bytes <= BATCH_BYTES) last.push(name)
    else {
      lists.push([name])
      bytes = entry.bytes
    }
  }
  return lists
}

/** Waits until all have ended, also if one fails. @throws the first error */
async function inParallel<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const gate = new Gate(limit)
  const results = await Promise.allSettled(items.map(item => gate.run(() => work(item))))
  return results.map(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
