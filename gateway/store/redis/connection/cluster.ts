import { BUCKETS, slotOf } from '../buckets.js'
import type { RedisOptions } from '../options.js'
import type { Argument, Connection, Reply } from './connection.js'
import { brief, ConnectionFailed, isReply, replyCode } from './errors.js'
import { Link } from './link.js'
import { open } from './open.js'
import type { Answer, Topology, TopologyEvents } from './topology.js'

/** Redirections of one command after which it fails. */
const MAX_REDIRECTIONS = 8
/** Pause after which the slots are read again: while all is well, and otherwise, ms. */
const REFRESH_MS = 15_000
const RETRY_MS = 250
/** Time after which a node without slots is disconnected: it may be receiving some, ms. */
const KEEP_UNUSED_MS = 30_000

const SLOTS = Array.from({ length: BUCKETS }, (_, bucket) => slotOf(bucket))

/**
 * The masters of a Redis Cluster.
 *
 * It is built on single connections instead of ioredis's Cluster, which resends commands whose
 * fate is unknown to any node, and cannot send a WAIT on the connection of a key.
 */
export class ClusterTopology implements Topology {
  readonly #links = new Map<string, Link>()
  /** Address of the master of each bucket. */
  #owners: (string | undefined)[] = new Array(BUCKETS)
  #problem: string | undefined = 'no node has named the masters yet'
  #refreshing = false
  /** Whether a refresh was requested during the one in progress. */
  #again = false
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(
    private readonly options: RedisOptions,
    private readonly events: TopologyEvents,
  ) {}

  start(): void {
    this.#refresh()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    for (const link of this.#links.values()) link.stop()
  }

  async run(bucket: number, name: string, args: readonly Argument[]): Promise<Answer> {
    let address = this.#owners[bucket]
    let asking = false
    for (let redirections = 0; ; redirections++) {
      const connection = this.#connectionTo(address, bucket)
      try {
        if (asking) connection.call('asking', []).catch(() => {}) // The next command fails too.
        return { reply: await connection.call(name, args), connection }
      } catch (error) {
        const redirection = isReply(error) ? parseRedirection(error, connection) : undefined
        if (!redirection || redirections === MAX_REDIRECTIONS) {
          this.#refresh()
          throw error
        }
        address = redirection.address
        asking = redirection.asking
        if (!asking) {
          this.#owners[bucket] = address
          this.#refresh()
        }
        await this.#untilConnected(address)
      }
    }
  }

  trouble(): string | undefined {
    const bad = this.#owners.findIndex(
      address => address === undefined || this.#links.get(address)?.problem !== undefined,
    )
    if (bad < 0) return undefined
    const address = this.#owners[bad]
    const problem = address === undefined ? this.#problem : this.#links.get(address)?.problem
    return `a part of the Redis Cluster cannot be reached: ${problem ?? 'a slot has no master'}`
  }

  #connectionTo(address: string | undefined, bucket: number): Connection {
    const link = address === undefined ? undefined : this.#links.get(address)
    if (link) return link.current()
    this.#refresh()
    const reason = this.#problem ?? `slot ${SLOTS[bucket]} has no master`
    throw new ConnectionFailed(reason, false)
  }

  /** A link, also to a node that no slot is known to be at. */
  #linkTo(address: string): Link {
    let link = this.#links.get(address)
    if (!link) {
      link = new Link(
        this.options,
        { kind: 'server', address },
        {
          onReady: connection => this.events.onConnection(connection),
          onLost: reason => {
            this.events.onLost(reason)
            this.#refresh()
          },
        },
      )
      this.#links.set(address, link)
      link.start()
    }
    return link
  }

  /** A redirection may name a node that is not connected yet. */
  async #untilConnected(address: string): Promise<void> {
    const link = this.#linkTo(address)
    for (
      const until = performance.now() + this.options.connectTimeoutMs;
      link.problem !== undefined && performance.now() < until && !this.#stopped;
    )
      await new Promise(resolve => setTimeout(resolve, 10))
  }

  #refresh(): void {
    if (this.#stopped) return
    if (this.#refreshing) {
      this.#again = true
      return
    }
    this.#refreshing = true
    this.#again = false
    clearTimeout(this.#timer)
    this.#readSlots()
      .then(
        () => {
          this.#problem = undefined
        },
        error => {
          this.#problem = brief(error)
        },
      )
      .finally(() => {
        this.#refreshing = false
        if (this.#stopped) return
        const soon = this.#again || this.trouble() !== undefined
        this.#timer = setTimeout(() => this.#refresh(), soon ? RETRY_MS : REFRESH_MS)
      })
  }

  async #readSlots(): Promise<void> {
    const owners = await this.#askForOwners()
    if (this.#stopped) return
    this.#owners = owners
    const masters = new Set(owners.filter(address => address !== undefined))
    for (const address of masters) this.#linkTo(address)
    for (const [address, link] of this.#links) {
      const unusedMs = performance.now() - link.usedAt
      if (masters.has(address) || unusedMs < KEEP_UNUSED_MS) continue
      this.#links.delete(address)
      link.stop()
    }
  }

  /** Asks the connected nodes, then the endpoints, until one answers. */
  async #askForOwners(): Promise<(string | undefined)[]> {
    for (const link of this.#links.values()) {
      if (link.problem !== undefined) continue
      try {
        return await ownersFrom(link.current())
      } catch {} // The next one is asked.
    }
    const problems: string[] = []
    for (const address of this.options.endpoints) {
      try {
        const { connection } = await open(this.options, { kind: 'server', address })
        try {
          return await ownersFrom(connection)
        } finally {
          connection.close()
        }
      } catch (error) {
        problems.push(brief(error))
      }
    }
    throw new ConnectionFailed(problems[0], false)
  }
}

async function ownersFrom(connection: Connection): Promise<(string | undefined)[]> {
  const owners: (string | undefined)[] = new Array(BUCKETS)
  const ranges = (await connection.call('cluster', ['slots'])) as readonly Reply[][]
  for (const [from, to, master] of ranges) {
    const [host, port] = master as readonly Reply[]
    const address = addressOf(String(host ?? ''), Number(port), connection)
    for (const [bucket, slot] of SLOTS.entries())
      if (slot >= Number(from) && slot <= Number(to)) owners[bucket] = address
  }
  return owners
}

/** @param host empty if the node does not know its own address: that of the connection */
function addressOf(host: string, port: number, connection: Connection): string {
  const known = host || connection.address.slice(0, connection.address.lastIndexOf(':'))
  return known.includes(':') && !known.startsWith('[') ? `[${known}]:${port}` : `${known}:${port}`
}

/** @param error such as `MOVED 3999 127.0.0.1:6381` or `ASK 3999 127.0.0.1:6381` */
function parseRedirection(
  error: Error,
  connection: Connection,
): { readonly address: string; readonly asking: boolean } | undefined {
  const code = replyCode(error)
  if (code !== 'MOVED' && code !== 'ASK') return undefined
  const target = error.message.split(' ')[2] ?? ''
  const colon = target.lastIndexOf(':')
  const port = Number(target.slice(colon + 1))
  return { address: addressOf(target.slice(0, colon), port, connection), asking: code === 'ASK' }
}
