import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { registerWebConfigMetrics } from '../../shared/http/web-config/metrics.js'
import { Shard } from '../core/shard.js'
import { Changes } from '../group/changes.js'
import { Feed } from '../group/feed.js'
import { Group } from '../group/group.js'
import type { GroupMap } from '../group/map.js'
import { Ownership } from '../group/ownership.js'
import { PeerClient } from '../group/peer-client.js'
import type { Services } from '../routes/services.js'
import { RefusalLog } from '../telemetry/refusal-log.js'
import { Telemetry } from '../telemetry/telemetry.js'
import type { ExposerConfig } from './config.js'

/** What a shard is connected to. */
export interface Surroundings {
  readonly clock: Clock
  readonly logger: Logger
  readonly version: string
  /** How the group knows this shard. */
  readonly address: string
  /** Monotonic ms until which what is assigned may be served. */
  readonly leaseUntil: () => number
  readonly readGroup: () => Promise<GroupMap>
  /** Why nothing works at all, as long as that is so. */
  readonly trouble: () => string | undefined
  readonly web?: LiveWebConfig | undefined
}

/** The parts of a shard, put together: what Kafka is to tell, and what the routes are made of. */
export function assemble(config: ExposerConfig, around: Surroundings): { feed: Feed; services: Services } {
  const { clock, logger, address, leaseUntil, trouble, web } = around
  const { topic, externalUrl, view } = config
  const telemetry = new Telemetry(around.version)
  const refusals = new RefusalLog(logger, clock)
  const shard = new Shard({
    limits: config.limits,
    playoutDelayMs: config.playoutDelay,
    tombstoneMs: config.tombstone,
    maxAgeMs: config.staleness.maxAge,
    forgetMs: config.staleness.forget,
    historyMaxAgeMs: config.history.maxAge,
    historyBytes: config.history.bytes,
    layoutBytes: config.layoutBytes,
    onRefused: refusal => refusals.report(refusal),
    onDelay: (stage, seconds) => telemetry.delays.observe(stage, seconds),
    onPlayed: seconds => telemetry.playoutDelays.observe('', seconds),
  })
  const changes = new Changes()
  const group = new Group({ read: around.readGroup, changes, logger, externalUrl })
  const feed = new Feed({
    shard,
    clock,
    changes,
    events: {
      onGroupChange: () => group.forget(),
      onRebalance: () => telemetry.rebalances.inc(),
      onReplayed: (partition, seconds) => {
        telemetry.replays.observe(seconds)
        logger.debug('A partition is replayed', { partition, seconds })
      },
      onAnswer: () => {
        if (ownership.recovered()) changes.notify()
      },
    },
  })
  const ownership = new Ownership({ leaseUntil, clock, assignment: feed, group, trouble })
  telemetry.watch({ shard, clock, topic, leaseLeft: () => ownership.leaseLeft() })
  if (web) registerWebConfigMetrics(telemetry.registry, 'exposer', web)
  return {
    feed,
    services: {
      shard,
      ownership,
      group,
      changes,
      telemetry,
      peers: new PeerClient(web),
      web,
      clock,
      logger,
      view,
      address,
      externalUrl,
      trouble,
    },
  }
}
