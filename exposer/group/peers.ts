import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { Slice } from '../../shared/base/scheduling.js'
import { mapInSlices } from '../../shared/base/slices.js'
import { linesOf } from './lines.js'
import type { GroupMap } from './map.js'
import type { Pending } from './ownership.js'
import type { PeerClient } from './peer-client.js'

/** The list of one shard: a line of JSON for each target, sorted. */
export interface ShardLines {
  readonly address: string
  /** Partitions whose targets are in the list. */
  readonly partitions: readonly number[]
  readonly lines: readonly string[]
}

/** A shard that did not answer, or not for its partitions. */
interface FailedShard {
  readonly address: string
  readonly error: string
}

type ShardAnswer = ShardLines | FailedShard

/** Response header with `?scope=shard`: the partitions whose targets are listed, as `0,3,7`. */
export const PARTITIONS_HEADER = 'X-Exposer-Partitions'
/** One line per target. Shards merge the lines of other shards without parsing them. */
export const LINES_TYPE = 'application/x-ndjson'

const TIMEOUT_MS = 3000
const MAX_BYTES = 256 * 1024 * 1024
/** Maximum length of a line, characters: labels at their limits, twice and escaped. */
const MAX_LINE = 4 * 1024 * 1024

export interface PeerAccess {
  readonly peers: PeerClient
  /** Authorization header of the client's request, passed on to the shards. */
  readonly authorization: string | undefined
  /** Reserves memory for lines. @returns false if there is none */
  readonly reserve: (lines: readonly string[]) => boolean
}

/**
 * Requests the list of each shard of the group. Never rejects: a shard that does not answer is a
 * `FailedShard`.
 *
 * @param path such as `/sd`, requested with `?scope=shard`
 * @param own address and list of this shard, which is not requested over HTTP
 */
export async function requestShards(
  map: GroupMap,
  path: string,
  own: { readonly address: string; lines(): Promise<ShardLines | Pending> },
  access: PeerAccess,
): Promise<ShardAnswer[]> {
  const slice = new Slice()
  const answerOf = async (address: string): Promise<ShardAnswer> => {
    try {
      if (address !== own.address) return await requestShard(address, path, access, slice)
      const lines = await own.lines()
      return 'pending' in lines ? { address, error: lines.pending } : lines
    } catch (error) {
      return { address, error: reasonOf(error) }
    }
  }
  // Beginning a request takes a tenth of a millisecond.
  const answers = await mapInSlices(map.members, ({ address }) => ({ last: answerOf(address) }))
  return Promise.all(answers.map(({ last }) => last))
}

async function requestShard(
  address: string,
  path: string,
  { peers, authorization, reserve }: PeerAccess,
  slice: Slice,
): Promise<ShardLines> {
  const response = await peers.request(`${address}${path}?scope=shard`, {
    headers: {
      accept: LINES_TYPE,
      'accept-encoding': 'gzip',
      'x-prometheus-scrape-timeout-seconds': String(TIMEOUT_MS / 1000),
    },
    authorization,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const lines = await boundedLines(response, reserve, slice)
  if (response.statusCode !== 200)
    throw new Error(`${response.statusCode} ${(lines[0] ?? '').slice(0, 200).trim()}`)
  const header = response.headers[PARTITIONS_HEADER.toLowerCase()]
  if (typeof header !== 'string')
    throw new Error(
      `no header ${PARTITIONS_HEADER} in the response: is it an exposer of this version?`,
    )
  const partitions = header.split(',').filter(Boolean).map(Number)
  return { address, partitions, lines }
}

/**
 * Splits chunk by chunk.
 *
 * @param slice shared by all shards, whose responses arrive in the same turns
 */
async function boundedLines(
  response: IncomingMessage,
  reserve: PeerAccess['reserve'],
  slice: Slice,
): Promise<readonly string[]> {
  const lines: string[] = []
  const collect = async (body: AsyncIterable<Buffer>) => {
    for await (const texts of linesOf(body, { bytes: MAX_BYTES, line: MAX_LINE })) {
      if (!reserve(texts)) throw new Error('no memory is left for its list')
      for (const text of texts) if (text) lines.push(text)
      if (slice.isOver()) await slice.next()
    }
  }
  if (response.headers['content-encoding'] === 'gzip')
    await pipeline(response, createGunzip(), collect)
  else await pipeline(response, collect)
  return lines
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.name === 'TimeoutError'
    ? `no response within ${TIMEOUT_MS / 1000} s`
    : message
}

/**
 * The answers, if each partition is in exactly one of them. Otherwise the reason why they are not a
 * complete list.
 */
export function completeAnswers(
  answers: readonly ShardAnswer[],
  partitionCount: number,
): readonly ShardLines[] | Pending {
  const complete: ShardLines[] = []
  for (const answer of answers) {
    if ('error' in answer)
      return { pending: `shard ${answer.address} does not answer: ${answer.error}` }
    complete.push(answer)
  }
  const owners = new Array<number>(partitionCount).fill(0)
  for (const partition of complete.flatMap(answer => answer.partitions)) {
    if (!(partition in owners)) {
      return {
        pending: `a shard lists partition ${partition}, but the topic has ${partitionCount} partitions`,
      }
    }
    owners[partition]++
  }
  const wrong = owners.findIndex(count => count !== 1)
  if (wrong < 0) return complete
  return {
    pending:
      owners[wrong] === 0
        ? `no shard lists partition ${wrong}`
        : `${owners[wrong]} shards list partition ${wrong}`,
  }
}
