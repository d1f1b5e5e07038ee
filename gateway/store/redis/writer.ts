import {
  DONE,
  ID_REUSED,
  type Outcome,
  PUSHED_TYPES,
  type PushedFamily,
  type PushRequest,
} from '../../state/types.js'
import { StoreUnavailable } from '../store.js'
import { BucketQueues } from './bucket-queues.js'
import { BUCKETS, type BucketKeys, bucketOf, groupName } from './buckets.js'
import type { Argument, Reply } from './connection/connection.js'
import type { Answer } from './connection/topology.js'
import {
  accumulated,
  type EncodedFamilies,
  encodeFamilies,
  ownInconsistency,
  storedFamilies,
} from './families.js'
import { type GroupReply, parseGroup, parseWrite, type WriteReply } from './replies.js'
import { requestDigest } from './request-digest.js'
import type { ScriptRunner } from './runner.js'
import { CLAIM, INGEST } from './scripts/ingest.js'
import { READ_GROUPS } from './scripts/read.js'
import { WIPE } from './scripts/wipe.js'
import { WRITE } from './scripts/write.js'
import { seriesArguments } from './series.js'

/** Attempts to add to a push group that others change at the same time. */
const MAX_ATTEMPTS = 50
/** Push groups that one script removes. */
const WIPE_BATCH = 500

export interface WriterOptions {
  readonly keys: readonly BucketKeys[]
  /** Called with each answer of a script that changes a bucket. */
  readonly onWritten: (bucket: number, reply: WriteReply) => void
  /** Resolves when enough replicas have what was answered. @throws StoreUnavailable */
  readonly replicated: (answers: readonly Answer[]) => Promise<void>
}

/** A request, encoded once for all attempts. */
interface Prepared {
  readonly id: Buffer
  readonly digest: Buffer | Promise<Buffer>
  readonly name: string
  readonly expiryMs: number
  readonly checked: boolean
  readonly families: readonly PushedFamily[]
  readonly encoded: EncodedFamilies
}

/** How the script writes a push group. */
interface WriteOptions {
  readonly method: 'put' | 'post' | 'delete' | 'reject' | 'refuse'
  /** Version that the push group must have. */
  readonly expected?: string
  /** Why the push is refused. */
  readonly message?: string
}

/** Applies requests. */
export class Writer {
  readonly #queues = new BucketQueues()

  constructor(
    private readonly runner: ScriptRunner,
    private readonly options: WriterOptions,
  ) {}

  /** @throws StoreUnavailable */
  async submit(request: PushRequest): Promise<Outcome> {
    const { method } = request
    const prepared = prepare(request)
    switch (method) {
      case 'put':
      case 'post':
        return this.#one(prepared, bucket => this.#push(bucket, prepared, method))
      case 'delete':
      case 'reject':
        return this.#one(prepared, bucket => this.#write(bucket, prepared, { method }))
      case 'accumulate':
        return this.#one(prepared, bucket => this.#accumulate(bucket, prepared))
      case 'ingest':
        return this.#ingest(prepared)
      case 'wipe':
        return this.#wipe(prepared)
      case 'tick':
        return DONE
    }
  }

  async #one({ name }: Prepared, work: (bucket: number) => Promise<Written>): Promise<Outcome> {
    const bucket = bucketOf(name)
    const written = await this.#queues.run(bucket, () => work(bucket))
    await this.options.replicated([written.answer])
    return outcomeOf(written.reply)
  }

  async #push(bucket: number, prepared: Prepared, method: 'put' | 'post'): Promise<Written> {
    const message = prepared.checked ? await ownInconsistency(prepared.families) : undefined
    const options = message === undefined ? { method } : { method: 'refuse' as const, message }
    return this.#write(bucket, prepared, options)
  }

  async #write(
    bucket: number,
    { id, digest, name, expiryMs, checked, families, encoded }: Prepared,
    { method, expected = '', message = '' }: WriteOptions,
  ): Promise<Written> {
    const { meta, index, due, ids, oldIds, group } = this.options.keys[bucket]
    const args: Argument[] = [id, await digest, method, name, expiryMs, checked ? 1 : 0]
    args.push(expected, message)
    if (method === 'put' || method === 'post')
      args.push(headOf(families, encoded), families.map(({ name }) => name).join(''), encoded.all)
    const keys = [meta, index, due, ids, oldIds, group(name)]
    return this.#written(bucket, await this.runner.run(bucket, WRITE, keys, args))
  }

  /** Computed here, and written if nobody else has changed the push group meanwhile. */
  async #accumulate(bucket: number, prepared: Prepared): Promise<Written> {
    const { name, checked } = prepared
    const { index, group } = this.options.keys[bucket]
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const keys = [index, group(name)]
      const { reply } = await this.runner.run(bucket, READ_GROUPS, keys, [name])
      const held = parseGroup((reply as readonly Reply[])[0])
      const expected = held?.entry.version ?? '-'
      const sums = await this.#sums(held, prepared)
      const message =
        typeof sums === 'string' ? sums : checked ? await ownInconsistency(sums) : undefined
      const written =
        typeof sums === 'string' || message !== undefined
          ? await this.#write(bucket, prepared, { method: 'refuse', expected, message })
          : await this.#write(
              bucket,
              { ...prepared, families: sums, encoded: encodeFamilies(sums) },
              { method: 'post', expected },
            )
      if (written.reply.code !== 'c') return written
    }
    throw new StoreUnavailable(
      `the push group was changed ${MAX_ATTEMPTS} times meanwhile by other gateways; try again`,
      false,
    )
  }

  async #sums(
    held: GroupReply | undefined,
    { families }: Prepared,
  ): Promise<readonly PushedFamily[] | string> {
    try {
      return await accumulated(held?.families ?? [], families)
    } catch {
      return 'the push group is malformed in Redis; delete it first'
    }
  }

  /**
   * The series of one family are in one bucket. The buckets are written one by one; a repeat
   * completes what an interruption has left.
   */
  async #ingest({ id, digest, expiryMs, families, encoded }: Prepared): Promise<Outcome> {
    const claimed = bucketOf(id.toString('latin1'))
    const { meta, ids, oldIds } = this.options.keys[claimed]
    // An id of its own: the bucket may also have a part of the request.
    const claim = Buffer.concat([id, Buffer.from('c')])
    const first = await this.#queues.run(claimed, async () =>
      this.#written(
        claimed,
        await this.runner.run(claimed, CLAIM, [meta, ids, oldIds], [claim, await digest]),
      ),
    )
    if (first.reply.code === 'r') return ID_REUSED
    const parts = new Map<number, { args: Buffer[]; contents: Buffer[] }>()
    for (const [i, family] of families.entries()) {
      const bucket = bucketOf(family.name)
      const part = parts.get(bucket) ?? { args: [], contents: [] }
      parts.set(bucket, part)
      part.args.push(...seriesArguments(family))
      part.contents.push(encoded.each[i])
    }
    const written = await this.#all([...parts.keys()], async bucket => {
      const { args, contents } = parts.get(bucket)!
      const { meta, ids, oldIds, series, seriesDue } = this.options.keys[bucket]
      const partDigest = await requestDigest(['ingest'], contents)
      return this.#written(
        bucket,
        await this.runner.run(
          bucket,
          INGEST,
          [meta, ids, oldIds, series, seriesDue],
          [id, partDigest, expiryMs, ...args],
        ),
      )
    })
    await this.options.replicated([first, ...written].map(({ answer }) => answer))
    return outcomeOf(written.find(({ reply }) => reply.code !== 'd')?.reply ?? first.reply)
  }

  async #wipe(prepared: Prepared): Promise<Outcome> {
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket)
    const written = await this.#all(buckets, bucket => this.#wipeBucket(bucket, prepared))
    await this.options.replicated(written.map(({ answer }) => answer))
    return outcomeOf(written.find(({ reply }) => reply.code !== 'd')?.reply ?? written[0].reply)
  }

  /** Groups that are pushed after the index was read remain: they are pushed after the wipe. */
  async #wipeBucket(bucket: number, { id, digest }: Prepared): Promise<Written> {
    const { meta, index, due, ids, oldIds, series, seriesDue, group } = this.options.keys[bucket]
    const { reply } = await this.runner.read(bucket, 'hkeys', [index])
    const names = (reply as readonly Buffer[]).map(String)
    const own = [meta, index, due, ids, oldIds, series, seriesDue]
    for (let from = 0; ; from += WIPE_BATCH) {
      const batch = names.slice(from, from + WIPE_BATCH)
      const last = from + WIPE_BATCH >= names.length
      const keys = [...own, ...batch.map(group)]
      const args = [id, await digest, last ? 1 : 0, ...batch]
      const answer = await this.runner.run(bucket, WIPE, keys, args).catch(error => {
        throw from === 0 ? error : new StoreUnavailable(error.message, true, { cause: error })
      })
      const written = this.#written(bucket, answer)
      if (last || written.reply.code !== 'd') return written
    }
  }

  /** @throws StoreUnavailable if a part failed: others may have been applied */
  async #all(
    buckets: readonly number[],
    work: (bucket: number) => Promise<Written>,
  ): Promise<Written[]> {
    const results = await Promise.allSettled(
      buckets.map(bucket => this.#queues.run(bucket, () => work(bucket))),
    )
    const failed = results.find(result => result.status === 'rejected')
    if (failed) {
      const { message } = failed.reason as Error
      const options = { cause: failed.reason }
      const partly = results.some(
        result => result.status === 'fulfilled' || (result.reason as StoreUnavailable).maybeApplied,
      )
      throw new StoreUnavailable(message, partly, options)
    }
    return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  }

  #written(bucket: number, answer: Answer): Written {
    const reply = parseWrite(answer.reply)
    this.options.onWritten(bucket, reply)
    return { reply, answer }
  }
}

interface Written {
  readonly reply: WriteReply
  readonly answer: Answer
}

function prepare(request: PushRequest): Prepared {
  const { id, method, labels, expiryMs, checked } = request
  const name = groupName(labels)
  const families = storedFamilies(request)
  const encoded = encodeFamilies(families)
  const digest = requestDigest([method, name], [encoded.all])
  return { id, digest, name, expiryMs, checked, families, encoded }
}

/** Few long arguments take less time than many short ones. */
function headOf(families: readonly PushedFamily[], { each }: EncodedFamilies): string {
  let head = ''
  for (const [i, { name, type, values }] of families.entries())
    head += `${Buffer.byteLength(name)} ${PUSHED_TYPES.indexOf(type)} ${values.length} ${each[i].length} `
  return head
}

function outcomeOf({ code, message }: WriteReply): Outcome {
  if (code === 'd') return DONE
  return code === 'i' ? { kind: 'inconsistent', message } : ID_REUSED
}
