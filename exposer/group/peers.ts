import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { GroupMap } from './map.js'
import type { PeerClient } from './peer-client.js'

/** What a shard says of its own targets: a line of JSON each, sorted. */
export interface ShardLines {
  readonly address: string
  /** Those that the lines speak for. */
  readonly partitions: readonly number[]
  readonly lines: readonly string[]
}

/** A shard that did not answer, and why. */
interface SilentShard {
  readonly address: string
  readonly partitions: readonly number[]
  readonly error: string
}

export type ShardAnswer = ShardLines | SilentShard

/** Says for which partitions an answer with `?scope=shard` speaks: `0,3,7`. */
export const PARTITIONS_HEADER = 'X-Exposer-Partitions'
/** One line for each target: what shards send each other, so that nobody parses what others have written. */
export const LINES_TYPE = 'application/x-ndjson'

const TIMEOUT_MS = 3000
const MAX_BYTES = 256 * 1024 * 1024

/** How others are asked. */
export interface Asking {
  readonly peers: PeerClient
  /** What the request that made us ask was allowed by. */
  readonly authorization: string | undefined
}

/**
 * Asks every shard of the group for its part of a list.
 *
 * @param path such as `/sd`, asked with `?scope=shard`
 * @param own this shard's address, and what it answers itself
 */
export function askShards(
  map: GroupMap,
  path: string,
  own: { readonly address: string; lines(): Promise<ShardLines> },
  asking: Asking,
): Promise<ShardAnswer[]> {
  return Promise.all(
    map.members.map(({ address, partitions }) =>
      (address === own.address ? own.lines() : askShard(address, path, asking)).catch(error => ({
        address,
        partitions,
        error: reasonOf(error),
      })),
    ),
  )
}

async function askShard(
  address: string,
  path: string,
  { peers, authorization }: Asking,
): Promise<ShardLines> {
  const response = await peers.ask(`${address}${path}?scope=shard`, {
    headers: {
      accept: LINES_TYPE,
      'accept-encoding': 'gzip',
      'x-prometheus-scrape-timeout-seconds': String(TIMEOUT_MS / 1000),
    },
    authorization,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await boundedText(response)
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${text.slice(0, 200).trim()}`)
  const header = response.headers[PARTITIONS_HEADER.toLowerCase()]
  if (typeof header !== 'string')
    throw new Error(`no ${PARTITIONS_HEADER} in the answer: is it an exposer of this version?`)
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
      if (bytes > MAX_BYTES) throw new Error(`it answered with more than ${MAX_BYTES} bytes`)
    }
  }
  if (response.headers['content-encoding'] === 'gzip') await pipeline(response, createGunzip(), collect)
  else await pipeline(response, collect)
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.name === 'TimeoutError'
    ? `no answer within ${TIMEOUT_MS / 1000} s`
    : message
}

/**
 * What keeps the answers from being the whole group's: nothing, when every partition is spoken for exactly once.
 */
export function incomplete(answers: readonly ShardAnswer[], partitionCount: number): string | undefined {
  const silent = answers.find(answer => 'error' in answer)
  if (silent && 'error' in silent) return `shard ${silent.address} does not answer: ${silent.error}`
  const speakers = new Array<number>(partitionCount).fill(0)
  for (const partition of answers.flatMap(answer => answer.partitions)) {
    if (!(partition in speakers)) return `a shard speaks for partition ${partition} of ${partitionCount}`
    speakers[partition]++
  }
  const wrong = speakers.findIndex(count => count !== 1)
  if (wrong < 0) return undefined
  return speakers[wrong] === 0
    ? `no shard speaks for partition ${wrong}`
    : `${speakers[wrong]} shards speak for partition ${wrong}`
}
