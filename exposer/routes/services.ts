import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { View } from '../core/render/massive/view.js'
import type { Shard } from '../core/shard.js'
import type { Changes } from '../group/changes.js'
import type { Group } from '../group/group.js'
import type { Ownership } from '../group/ownership.js'
import type { PeerClient } from '../group/peer-client.js'
import type { Telemetry } from '../telemetry/telemetry.js'

/** What the routes are made of. A function that needs a part of it says which: `Pick<Services, 'clock'>`. */
export interface Services {
  readonly shard: Shard
  readonly ownership: Ownership
  readonly group: Group
  readonly changes: Changes
  readonly telemetry: Telemetry
  /** The other shards of the group. */
  readonly peers: PeerClient
  /** Who may ask; undefined: everybody, over plain HTTP. */
  readonly web: LiveWebConfig | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** What `/metrics` shows when it is not asked for a view. */
  readonly view: View
  /** Where this shard is reached: how the group knows it. */
  readonly address: string
  /** What every target is listed at; the own address without one. */
  readonly externalUrl: string | undefined
  /** Why this shard is not ready, beyond what ownership knows: the brokers do not answer, it is about to stop. */
  readonly trouble: () => string | undefined
}
