import type { RedisOptions } from '../options.js'
import type { Argument } from './connection.js'
import { isReply, replyCode } from './errors.js'
import { Link } from './link.js'
import type { Place } from './open.js'
import type { Answer, Topology, TopologyEvents } from './topology.js'

/** One server with all buckets, or the master that the Sentinels name. */
export class MasterTopology implements Topology {
  readonly #link: Link

  constructor(options: RedisOptions, place: Place, events: TopologyEvents) {
    this.#link = new Link(options, place, {
      onReady: connection => events.onConnection(connection),
      onLost: reason => events.onLost(reason),
    })
  }

  start(): void {
    this.#link.start()
  }

  stop(): void {
    this.#link.stop()
  }

  async run(_bucket: number, name: string, args: readonly Argument[]): Promise<Answer> {
    const connection = this.#link.current()
    try {
      return { reply: await connection.call(name, args), connection }
    } catch (error) {
      // It has become a replica: the next connection finds the new master.
      if (isReply(error) && replyCode(error) === 'READONLY') connection.close()
      throw error
    }
  }

  trouble(): string | undefined {
    const problem = this.#link.problem
    return problem && `Redis cannot be reached: ${problem}`
  }
}
