import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { GroupMap } from './map.js'
import type { PeerClient } from './peer-client.js'

/** The list of one shard: a line of JSON for each target, sorted. */
export interface ShardLines {
  readonly address: string
  /** Partitions whose targets are in the list. */
  readonly partitions: readonly number[]
  readonly lines: readonly string[]
}

/** A shard that did not answer. */
interface FailedShard {
  readonly address: string
  readonly partitions: readonly number[]
  readonly error: string
}

export type ShardAnswer = ShardLines | FailedShard

/** Response header with `?scope=shard`: the partitions whose targets are listed, as `0,3,7`. */
export const PARTITIONS_HEADER = 'X-Exposer-Partitions'
/** One line per target. Shards merge the lines of other shards without parsing them. */
export const LINES_TYPE = 'application/x-ndjson'

const TIMEOUT_MS = 3000
const MAX_BYTES = 256 * 1024 * 1024

export interface PeerAccess {
  readonly peers: PeerClient
  /** Authorization header of the client's request, passed on to the shards. */
  readonly authorization: string | undefined
}

/**
 * Requests the list of each shard of the group. Never rejects: a shard that does not answer is a
 * `FailedShard`.
 *
 * @param path such as `/sd`, requested with `?scope=shard`
 * @param own address and list of this shard, which is not requested over HTTP
 */
export function requestShards(
  map: GroupMap,
  path: string,
  own: { readonly address: string; lines(): Promise<ShardLines> },
  access: PeerAccess,
): Promise<ShardAnswer[]> {
  return Promise.all(
    map.members.map(({ address, partitions }) =>
      (address === own.address ? own.lines() : requestShard(address, path, access)).catch(
        error => ({
          address,
          partitions,
          error: reasonOf(error),
        }),
      ),
    ),
  )
}

async function requestShard(
  address: string,
  path: string,
  { peers, authorization }: PeerAccess,
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
  const text = await boundedText(response)
  if (response.statusCode !== 200)
    throw new Error(`${response.statusCode} ${text.slice(0, 200).trim()}`)
  const header = response.headers[PARTITIONS_HEADER.toLowerCase()]
  if (typeof header !== 'string')
    throw new Error(
      `no header ${PARTITIONS_HEADER} in the response: is it an exposer of this version?`,
    )
  const partitions = header.split(',').filter(Boolean).map(Number)
  return { address, partitions, lines: text.split('\n').filter(Boolean) }
}

async function boundedText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const collect = async (body: AsyncIterable<Buffer>) => {
    for await (const chunk of body) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > MAX_BYTES) throw new Error(`the response has more than ${MAX_BYTES} bytes`)
    }
  }
  if (response.headers['content-encoding'] === 'gzip')
    await pipeline(response, createGunzip(), collect)
  else await pipeline(response, collect)
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.name === 'TimeoutError'
    ? `no response within ${TIMEOUT_MS / 1000} s`
    : message
}

/**
 * Why the answers are not a complete list; undefined if each partition is in exactly one of them.
 */
export function findGap(
  answers: readonly ShardAnswer[],
  partitionCount: number,
): string | undefined {
  const failed = answers.find(answer => 'error' in answer)
  if (failed && 'error' in failed) return `shard ${failed.address} does not answer: ${failed.error}`
  const owners = new Array<number>(partitionCount).fill(0)
  for (const partition of answers.flatMap(answer => answer.partitions)) {
    if (!(partition in owners)) {
      return `a shard lists partition ${partition}, but the topic has ${partitionCount} partitions`
    }
    owners[partition]++
  }
  const wrong = owners.findIndex(count => count !== 1)
  if (wrong < 0) return undefined
  return owners[wrong] === 0
    ? `no shard lists partition ${wrong}`
    : `${owners[wrong]} shards list partition ${wrong}`
}
