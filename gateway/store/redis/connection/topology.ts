import type { RedisOptions } from '../options.js'
import { ClusterTopology } from './cluster.js'
import type { Argument, Connection, Reply } from './connection.js'
import { brief, ConnectionFailed } from './errors.js'
import { MasterTopology } from './master.js'
import { open } from './open.js'

export interface Answer {
  readonly reply: Reply
  /** The connection on which the command was executed. */
  readonly connection: Connection
}

/** The servers of a store, and which of them has which bucket. */
export interface Topology {
  start(): void
  stop(): void
  /**
   * Executes a command whose keys are all of one bucket. Commands of one bucket are executed in
   * the order of the calls, unless the bucket moves to another server.
   *
   * @throws ConnectionFailed, or the error that Redis replied
   */
  run(bucket: number, name: string, args: readonly Argument[]): Promise<Answer>
  /** Why some buckets cannot be used, in one sentence. */
  trouble(): string | undefined
}

export interface TopologyEvents {
  /**
   * A server can be used from now on.
   *
   * @throws Error if it must not be used
   */
  onConnection(connection: Connection): Promise<void>
  onLost(reason: string): void
}

/** @throws ConnectionFailed if no endpoint answers */
export async function createTopology(
  options: RedisOptions,
  events: TopologyEvents,
): Promise<{ readonly mode: Mode; readonly topology: Topology }> {
  const mode = options.mode === 'auto' ? await detectMode(options) : options.mode
  return { mode, topology: topologyOf(mode, options, events) }
}

type Mode = Exclude<RedisOptions['mode'], 'auto'>

function topologyOf(mode: Mode, options: RedisOptions, events: TopologyEvents): Topology {
  if (mode === 'cluster') return new ClusterTopology(options, events)
  if (mode === 'sentinel') return new MasterTopology(options, { kind: 'master' }, events)
  return new MasterTopology(options, { kind: 'server', address: options.endpoints[0] }, events)
}

/** The mode of the first endpoint that answers. */
async function detectMode(options: RedisOptions): Promise<Mode> {
  const problems: string[] = []
  for (const address of options.endpoints) {
    // A Sentinel may have other credentials, and no ready check passes there.
    for (const kind of ['server', 'sentinel'] as const) {
      try {
        return await askMode(options, address, kind)
      } catch (error) {
        problems.push(brief(error))
      }
    }
  }
  throw new ConnectionFailed(problems[0], false)
}

async function askMode(
  options: RedisOptions,
  address: string,
  kind: 'server' | 'sentinel',
): Promise<Mode> {
  // A Cluster and a Sentinel have no databases to select.
  const { connection } = await open({ ...options, database: 0 }, { kind, address })
  try {
    const info = String(await connection.call('info', ['server']))
    const mode = /redis_mode:(\w+)/.exec(info)?.[1]
    return mode === 'cluster' || mode === 'sentinel' ? mode : 'server'
  } finally {
    connection.close()
  }
}
