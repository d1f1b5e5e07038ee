import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { ResponseLimit } from '../../shared/http/limit/response-limit.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { View } from '../core/render/massive/view.js'
import type { Timestamps } from '../core/render/timestamps.js'
import type { Shard } from '../core/shard.js'
import type { Changes } from '../group/changes.js'
import type { Group } from '../group/group.js'
import type { Handovers } from '../group/handovers.js'
import type { Ownership } from '../group/ownership.js'
import type { PeerClient } from '../group/peer-client.js'
import type { ReadBackProgress } from '../group/read-back.js'
import type { RemoteFacts } from '../telemetry/remote-write-status.js'
import type { Telemetry } from '../telemetry/telemetry.js'
import type { ListMemory } from './list-memory.js'

/**
 * Dependencies of the routes. A function declares the part that it needs: `Pick<Services,
 * 'clock'>`.
 */
export interface Services {
  readonly shard: Shard
  readonly ownership: Ownership
  readonly group: Group
  readonly changes: Changes
  /** Partitions that were given up. */
  readonly handovers: Handovers
  readonly telemetry: Telemetry
  /** HTTP client for the other shards of the group. */
  readonly peers: PeerClient
  /** Bounds the requests and responses in progress. */
  readonly responses: ResponseLimit
  /** Counts the memory of lists of targets. */
  readonly lists: ListMemory
  /** TLS and users; undefined for plain HTTP without authentication. */
  readonly web: LiveWebConfig | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** The view of `/metrics` without the parameter `view`. */
  readonly view: View
  /** Timestamps of `/target` without the parameter `__timestamps`. */
  readonly timestamps: Timestamps
  /** Known to the other shards of the group, from the metadata of this member. */
  readonly secret: string
  /** URL of this shard, as advertised to the group. */
  readonly address: string
  /** URL at which service discovery lists all targets; `address` if undefined. */
  readonly externalUrl: string | undefined
  /** Prefix under which all paths are served, besides the root; empty without one. */
  readonly routePrefix: string
  /**
   * Why this shard is not ready, apart from ownership: it is starting or stopping, or waits for
   * Kafka.
   */
  readonly trouble: () => string | undefined
  /** Receivers of remote write; none before the start. */
  readonly remotes: () => readonly RemoteFacts[]
  /** Progress of reading the log before the replays; undefined if all of it was read. */
  readonly readBack: () => ReadBackProgress | undefined
}
