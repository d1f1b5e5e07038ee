import { randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { registerLimitMetrics } from '../../shared/http/limit/metrics.js'
import { ResponseLimit } from '../../shared/http/limit/response-limit.js'
import { routePrefix } from '../../shared/http/route-prefix.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { registerWebConfigMetrics } from '../../shared/http/web-config/metrics.js'
import type { SpanReader } from '../../shared/kafka/log-span.js'
import { Shard } from '../core/shard.js'
import { Changes } from '../group/changes.js'
import { Feed } from '../group/feed.js'
import { Group } from '../group/group.js'
import { Handovers, handoverFetcher } from '../group/handovers.js'
import type { GroupMap } from '../group/map.js'
import { Ownership } from '../group/ownership.js'
import { PeerClient } from '../group/peer-client.js'
import { ListMemory } from '../routes/list-memory.js'
import type { Services } from '../routes/services.js'
import { maxWaiting, OTHER_POOLS } from '../routes/turn.js'
import { RefusalLog } from '../telemetry/refusal-log.js'
import type { RemoteFacts } from '../telemetry/remote-write-status.js'
import { Telemetry } from '../telemetry/telemetry.js'
import type { ExposerConfig } from './config.js'
import { servedMemory } from './remotes.js'

/** Dependencies of a shard other than its configuration. */
export interface ShardDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly version: string
  /** URL of this shard, as advertised to the group. */
  readonly address: string
  /** Monotonic ms at which the lease of the assigned partitions expires. */
  readonly leaseUntil: () => number
  readonly readGroup: () => Promise<GroupMap>
  /** Why the shard is not ready: it is starting or stopping, or waits for Kafka. */
  readonly trouble: () => string | undefined
  readonly web?: LiveWebConfig | undefined
  /** Receivers of remote write. Default: none. */
  readonly remotes?: (() => readonly RemoteFacts[]) | undefined
  /** Reads the log before the replays; without it, it is not read. */
  readonly spans?: Pick<SpanReader, 'read'> | undefined
}

/**
 * Creates the parts of a shard and connects them.
 *
 * @returns the listener for the group consumer, and the dependencies of the routes
 */
export function assemble(
  config: ExposerConfig,
  dependencies: ShardDependencies,
): { feed: Feed; services: Services } {
  const { clock, logger, address, leaseUntil, trouble, web, spans } = dependencies
  const { topic, externalUrl, view } = config
  const telemetry = new Telemetry(dependencies.version)
  const refusals = new RefusalLog(logger, clock)
  const shard = new Shard({
    limits: config.limits,
    playoutDelayMs: config.playoutDelay,
    tombstoneMs: config.tombstone,
    maxAgeMs: config.staleness.maxAge,
    forgetMs: config.staleness.forget,
    historyMaxAgeMs: config.history.maxAge,
    historyBytes: config.history.bytes,
    expectsScrapers: view === 'all',
    memory: servedMemory(config),
    layoutBytes: config.layoutBytes,
    onRefused: refusal => refusals.report(refusal),
    onDelay: (stage, seconds) => telemetry.delays.observe(stage, seconds),
    onPlayed: seconds => telemetry.playoutDelays.observe('', seconds),
  })
  const changes = new Changes()
  const group = new Group({
    read: dependencies.readGroup,
    changes,
    logger,
    externalUrl,
    address,
  })
  const peers = new PeerClient(web, config.peers)
  const handovers = new Handovers(shard)
  const feed = new Feed({
    shard,
    clock,
    changes,
    // The requests in flight include held ones, which wait for a change.
    isDrained: () => telemetry.scrapes.inFlight <= changes.waiting,
    events: {
      onGroupChange: () => group.forget(),
      onRebalance: () => telemetry.rebalances.inc(),
      onReplayed: (partition, seconds) => {
        telemetry.replays.observe(seconds)
        logger.debug('Partition replayed', { partition, seconds })
      },
      onFetchAnswered: () => {
        if (ownership.consumeRecovery()) changes.notify()
      },
      onHandover: (partition, error) => {
        telemetry.handovers.inc({ result: error ? 'failed' : 'received' })
        if (error) logger.info('No handover from the previous owner', { partition, error })
      },
      onReadBack: (_, seconds) => telemetry.readBacks.observe(seconds),
      onPastRecords: count => telemetry.pastRecords.inc(count),
    },
    readBack:
      spans && config.staleness.forget > config.replayWindow
        ? { spans, forgetMs: config.staleness.forget, logger }
        : null,
    handovers,
    fetchHandover: handoverFetcher(peers, clock),
  })
  const ownership = new Ownership({ leaseUntil, clock, assignment: feed, group, trouble })
  telemetry.watch({
    shard,
    clock,
    topic,
    leaseLeft: () => ownership.leaseLeft(),
    unread: () => feed.readBackProgress?.partitions ?? 0,
  })
  const responses = new ResponseLimit(
    {
      pools: { scrapes: config.maxRequests, ...OTHER_POOLS },
      maxWaiting: maxWaiting(config.memory.heap),
      flag: '--web.max-requests',
    },
    clock,
  )
  registerLimitMetrics(telemetry.registry, 'exposer', responses)
  if (web) registerWebConfigMetrics(telemetry.registry, 'exposer', web)
  return {
    feed,
    services: {
      shard,
      ownership,
      group,
      changes,
      telemetry,
      peers,
      handovers,
      secret: randomBytes(16).toString('hex'),
      responses,
      lists: new ListMemory({ shard, clock, cut: response => responses.cutSlow(response) }),
      web,
      clock,
      logger,
      view,
      timestamps: config.timestamps,
      address,
      externalUrl,
      routePrefix: routePrefix(config.routePrefix, externalUrl),
      trouble,
      remotes: dependencies.remotes ?? (() => []),
      readBack: () => feed.readBackProgress,
    },
  }
}
