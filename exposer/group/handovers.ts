import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../shared/base/clock.js'
import { Slice } from '../../shared/base/scheduling.js'
import type { FrozenPartition } from '../core/handover/freeze.js'
import {
  type Handed,
  type HandoverBounds,
  HandoverReader,
  MAX_LINE,
} from '../core/handover/thaw.js'
import type { Shard } from '../core/shard.js'
import { linesOf } from './lines.js'
import type { Member } from './map.js'
import type { PeerClient } from './peer-client.js'

/** Path at which the previous owner of a partition gives out what it hands over. */
export const HANDOVER_PATH = '/api/v1/handover'
/**
 * Request header with the secret of the shard that is asked. It is part of the metadata of a
 * member, so that only shards, which can read the group, know it.
 */
export const SECRET_HEADER = 'X-Exposer-Secret'

/** How long a frozen partition is kept. */
const KEPT_MS = 8000
const TIMEOUT_MS = 5000
const MAX_BYTES = 64 * 1024 * 1024

/** The partitions that this shard has given up, until their next owners have fetched them. */
export class Handovers {
  readonly #frozen = new Map<number, { readonly frozen: FrozenPartition; timer: NodeJS.Timeout }>()

  constructor(private readonly shard: Pick<Shard, 'expire'>) {}

  /** Number of partitions that were not fetched yet. */
  get pending(): number {
    return this.#frozen.size
  }

  offer(partitions: readonly FrozenPartition[]): void {
    for (const frozen of partitions) {
      this.#expire(frozen.partition)
      const timer = setTimeout(() => this.#expire(frozen.partition), KEPT_MS).unref()
      this.#frozen.set(frozen.partition, { frozen, timer })
    }
  }

  get(partition: number): FrozenPartition | undefined {
    return this.#frozen.get(partition)?.frozen
  }

  /** The next owner has it. */
  taken(frozen: FrozenPartition): void {
    frozen.take()
    this.#forget(frozen)
  }

  close(): void {
    for (const partition of [...this.#frozen.keys()]) this.#expire(partition)
  }

  #expire(partition: number): void {
    const frozen = this.get(partition)
    if (!frozen) return
    this.#forget(frozen)
    this.shard.expire(frozen)
  }

  #forget({ partition }: FrozenPartition): void {
    clearTimeout(this.#frozen.get(partition)?.timer)
    this.#frozen.delete(partition)
  }
}

/** Fetches what the previous owner of a partition hands over. */
export type FetchHandover = (previous: Member, bounds: HandoverBounds) => Promise<Handed>

/** @returns a function that rejects when the previous owner does not answer, or with nonsense */
export function handoverFetcher(peers: Pick<PeerClient, 'request'>, clock: Clock): FetchHandover {
  return async ({ address, secret }, bounds) => {
    if (!address || !secret) throw new Error('the previous owner is of a version without handover')
    const response = await peers.request(
      `${address}${HANDOVER_PATH}?partition=${bounds.partition}`,
      {
        headers: { [SECRET_HEADER]: secret },
        authorization: undefined,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
    )
    if (response.statusCode !== 200) {
      response.resume()
      throw new Error(`${address} answers with HTTP status ${response.statusCode}`)
    }
    const reader = new HandoverReader(bounds)
    try {
      return await readHanded(response, reader, clock)
    } finally {
      reader.release()
    }
  }
}

async function readHanded(
  response: IncomingMessage,
  reader: HandoverReader,
  clock: Clock,
): Promise<Handed> {
  const slice = new Slice(undefined, () => clock.now().mono)
  for await (const lines of linesOf(response, { bytes: MAX_BYTES, line: MAX_LINE })) {
    for (const line of lines) {
      reader.line(line)
      if (slice.isOver()) await slice.next()
    }
  }
  return reader.done()
}
