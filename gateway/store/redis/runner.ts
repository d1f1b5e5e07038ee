import { StoreUnavailable } from '../store.js'
import type { Argument } from './connection/connection.js'
import { brief, ConnectionFailed, isReply, replyCode } from './connection/errors.js'
import type { Answer, Topology } from './connection/topology.js'
import type { Script } from './scripts/script.js'

/** Pauses between attempts while a slot is moved, ms. */
const FIRST_PAUSE_MS = 2
const MAX_PAUSE_MS = 50

/** What to do about errors of Redis, by their first word. None of them has applied anything. */
const REMEDIES: Readonly<Record<string, string>> = {
  CLUSTERDOWN: 'wait for the failover, or restore the masters of all slots',
  LOADING: 'wait until Redis has loaded its data',
  MASTERDOWN: 'wait for the failover',
  MISCONF: 'free the disk of Redis, or set stop-writes-on-bgsave-error to no',
  NOAUTH: 'set the password in --redis.config.file',
  NOPERM: 'give the user the rights of docs/gateway-redis.md',
  NOREPLICAS: 'restore the replicas, or lower min-replicas-to-write',
  OOM: 'raise maxmemory of Redis, or let push groups expire',
  READONLY: 'connect to the master',
  TRYAGAIN: 'end the migration of the slot',
}

/** Executes scripts on the servers of buckets. */
export class ScriptRunner {
  /** Attempts after which a request had to be tried again because its slot was moved. */
  retries = 0

  constructor(
    private readonly topology: Topology,
    private readonly timeoutMs: number,
  ) {}

  /**
   * While a slot is moved, Redis refuses scripts whose keys are not all on one node. They are tried
   * again until the timeout.
   *
   * @throws StoreUnavailable
   */
  async run(
    bucket: number,
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<Answer> {
    const until = performance.now() + this.timeoutMs
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      try {
        return await this.#once(bucket, script, keys, args)
      } catch (error) {
        if (!isReply(error) || replyCode(error) !== 'TRYAGAIN' || performance.now() + pause > until)
          throw unavailable(error)
        this.retries++
        await new Promise(resolve => setTimeout(resolve, pause))
      }
    }
  }

  /** A command that changes nothing. @throws StoreUnavailable */
  async read(bucket: number, name: string, args: readonly Argument[]): Promise<Answer> {
    try {
      return await this.topology.run(bucket, name, args)
    } catch (error) {
      throw unavailable(error)
    }
  }

  async #once(
    bucket: number,
    { sha, text }: Script,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<Answer> {
    const rest = [keys.length, ...keys, ...args]
    try {
      return await this.topology.run(bucket, 'evalsha', [sha, ...rest])
    } catch (error) {
      if (!isReply(error) || replyCode(error) !== 'NOSCRIPT') throw error
      return this.topology.run(bucket, 'eval', [text, ...rest])
    }
  }
}

export function unavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error
  if (error instanceof ConnectionFailed)
    return new StoreUnavailable(`Redis did not answer: ${error.message}`, error.sent, {
      cause: error,
    })
  const remedy = isReply(error) ? REMEDIES[replyCode(error)] : undefined
  const message = `Redis refused the request: ${brief(error)}${remedy ? `; ${remedy}` : ''}`
  return new StoreUnavailable(message, !isReply(error), { cause: error })
}
