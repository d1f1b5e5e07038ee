import type { Registry } from 'prom-client'
import { CellHistogram } from '../../shared/base/cell-histogram.js'
import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { WriteLog } from '../api/write/write-log.js'
import { registerMirrorMetrics } from '../mirrors/mirror-metrics.js'
import { mirrorsProgress } from '../mirrors/mirror-progress.js'
import type { MirrorsOptions } from '../mirrors/mirrors.js'
import type { PublisherOptions } from '../publish/publisher.js'
import { createKafkaStore, type KafkaStore } from '../store/kafka/kafka-store.js'
import type { KafkaStoreOptions } from '../store/kafka/options.js'
import type { StoreProgress } from '../store/progress.js'
import type { RedisOptions } from '../store/redis/options.js'
import { RedisPushStore } from '../store/redis/store.js'
import type { PushStore } from '../store/store.js'
import { type Figure, registerFigures } from '../telemetry/figures.js'
import { KafkaWriteLog } from './kafka-write-log.js'
import { Mirroring, together } from './mirroring.js'
import { type Companion, Publishing, publishingFigures } from './publishing.js'

/** A store with its metrics. */
export interface StoreWithMetrics {
  readonly store: PushStore
  register(registry: Registry): void
  /** What a gateway that is ready cannot do now, as a sentence without its full stop. */
  impairment(): string | undefined
  progress(): StoreProgress
  readonly companion?: Companion
  /** Memory of what is held besides the store, bytes. */
  otherBytes?(): number
  /** Where remote write is appended. Undefined: it is not received. */
  readonly writeLog?: StoppableWriteLog
}

export interface StoppableWriteLog extends WriteLog {
  stop(): Promise<void>
}

/** How push groups are published as targets. */
export type PublishOptions = Pick<
  PublisherOptions,
  'topic' | 'group' | 'instanceId' | 'sessionTimeout' | 'intervalMs' | 'maxBytes'
>

/** How mirrors are made of what comes by remote write. */
export type MirrorSettings = Omit<
  MirrorsOptions,
  'kafka' | 'writes' | 'clock' | 'logger' | 'memory'
> & {
  /** Memory of all that a gateway holds, bytes. */
  readonly memoryLimit: number
}

/** A store that shares a log with other gateways. @throws KafkaError */
export function logStore(
  options: Omit<KafkaStoreOptions, 'onAppended' | 'publishing'>,
  writesTopic: string,
  publish?: PublishOptions,
  mirror?: MirrorSettings,
): StoreWithMetrics {
  const durations = new CellHistogram<''>(
    'gateway_append_duration_seconds',
    'Time from the submission of a record until the brokers have it.',
    null,
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  )
  const store = createKafkaStore({
    ...options,
    publishing: publish !== undefined,
    onAppended: seconds => durations.observe('', seconds),
  })
  const { kafka, clock, logger, topics } = options
  const publishing =
    publish &&
    new Publishing({
      ...{ ...publish, kafka, clock, logger, log: topics.pushes },
      current: () => store.current(),
    })
  /** Of the records of mirrors that wait for the brokers. */
  const pendingBytes = (): number => mirroring?.mirrors.pendingBytes ?? 0
  const mirroring: Mirroring | undefined =
    mirror &&
    new Mirroring({
      ...{ ...mirror, kafka, clock, logger, writes: writesTopic },
      memory: () => mirror.memoryLimit - store.held().bytes - pendingBytes(),
    })
  const companion = together([publishing, mirroring].filter(one => one !== undefined))
  return {
    store,
    ...(companion && { companion }),
    otherBytes: () => (mirroring?.mirrors.bytes ?? 0) + pendingBytes(),
    writeLog: new KafkaWriteLog({ kafka, clock, logger, topic: writesTopic }),
    register(registry) {
      durations.register(registry)
      registerFigures(registry, logFigures(store))
      if (publishing) registerFigures(registry, publishingFigures(publishing))
      if (mirroring) registerMirrorMetrics(registry, mirroring.mirrors)
    },
    impairment: () => {
      const outage = store.outage()
      return outage && `Kafka cannot be read, pushes fail: ${outage}`
    },
    progress: () => ({
      log: store.progress(),
      publishing: publishing && {
        isOwner: publishing.publisher.isOwner,
        targets: publishing.publisher.figures.targets,
      },
      mirrors: mirroring && mirrorsProgress(mirroring.mirrors),
    }),
  }
}

export function redisStore(options: RedisOptions, logger: Logger, clock: Clock): StoreWithMetrics {
  const store = new RedisPushStore(options, logger, clock)
  return {
    store,
    register: registry => registerFigures(registry, redisFigures(store)),
    impairment: () => undefined,
    progress: () => ({}),
  }
}

function logFigures(store: KafkaStore): Figure[] {
  const { figures } = store
  const finite = (value: number) => (Number.isFinite(value) ? value : undefined)
  return [
    {
      name: 'gateway_applied_offset',
      help: 'Offset of the last record of the log that was applied.',
      read: () => figures.appliedOffset,
    },
    {
      name: 'gateway_log_lag_records',
      help: 'Number of records of the log that are not applied yet.',
      read: () => figures.lagRecords,
    },
    {
      name: 'gateway_log_lag_seconds',
      help: 'Time for which this gateway has not been at the end of the log; without a sample before the first time.',
      read: () => finite(store.lag()),
    },
    {
      name: 'gateway_log_records_total',
      help: 'Total number of records of the log that were applied.',
      read: () => figures.recordsApplied,
    },
    {
      name: 'gateway_log_records_malformed_total',
      help: 'Total number of records of the log that were skipped because they cannot be decoded.',
      read: () => figures.recordsMalformed,
    },
    {
      name: 'gateway_log_records_repeated_total',
      help: 'Total number of records of the log that were applied before.',
      read: () => figures.recordsRepeated,
    },
    {
      name: 'gateway_appends_total',
      help: 'Total number of records that the brokers have acknowledged.',
      read: () => figures.appendsDone,
    },
    {
      name: 'gateway_appends_failed_total',
      help: 'Total number of records that the brokers have not acknowledged in time.',
      read: () => figures.appendsFailed,
    },
    {
      name: 'gateway_pending_requests',
      help: 'Number of requests that wait for their result from the log.',
      read: () => store.pending().requests,
    },
    {
      name: 'gateway_pending_bytes',
      help: 'Size of the records of requests that wait for their result.',
      read: () => store.pending().bytes,
    },
    {
      name: 'gateway_expired_total',
      help: 'Total number of push groups and ingested series that have expired since this gateway started.',
      read: () => store.current()?.machine.expired,
    },
    {
      name: 'gateway_snapshots_written_total',
      help: 'Total number of snapshots that were written.',
      read: () => figures.snapshotsWritten,
    },
    {
      name: 'gateway_snapshots_failed_total',
      help: 'Total number of snapshots that could not be written.',
      read: () => figures.snapshotsFailed,
    },
    {
      name: 'gateway_snapshots_loaded_total',
      help: 'Total number of snapshots that were loaded.',
      read: () => figures.snapshotsLoaded,
    },
    {
      name: 'gateway_snapshot_chunks_malformed_total',
      help: 'Total number of records of the topic of snapshots that are no part of one.',
      read: () => figures.chunksMalformed,
    },
    {
      name: 'gateway_snapshot_written_bytes',
      help: 'Size of the last snapshot that was written.',
      read: () => figures.lastWrittenBytes,
    },
    {
      name: 'gateway_snapshot_written_seconds',
      help: 'Time in which the last snapshot was written.',
      read: () => figures.lastWrittenSeconds,
    },
    {
      name: 'gateway_snapshot_loaded_bytes',
      help: 'Size of the last snapshot that was loaded.',
      read: () => figures.lastLoadedBytes,
    },
    {
      name: 'gateway_snapshot_loaded_seconds',
      help: 'Time in which the last snapshot was loaded.',
      read: () => figures.lastLoadedSeconds,
    },
    {
      name: 'gateway_log_gaps_total',
      help: 'Total number of times that the log did not continue the newest snapshot.',
      read: () => figures.gaps,
    },
    {
      name: 'gateway_log_reloads_total',
      help: 'Total number of times that the state was dropped and loaded again, because the log had gone on without it.',
      read: () => figures.reloads,
    },
  ]
}

function redisFigures(store: RedisPushStore): Figure[] {
  const read = (name: keyof ReturnType<RedisPushStore['metrics']>) => () => store.metrics()[name]
  return [
    {
      name: 'gateway_redis_requests_in_flight',
      help: 'Number of requests to Redis in progress.',
      read: read('inFlight'),
    },
    {
      name: 'gateway_redis_requests_refused_total',
      help: 'Total number of requests refused because too many were in progress.',
      read: read('refused'),
    },
    {
      name: 'gateway_redis_retries_total',
      help: 'Total number of attempts repeated because a slot of the Cluster was moved.',
      read: read('retries'),
    },
    {
      name: 'gateway_redis_unreplicated_total',
      help: 'Total number of requests that fewer replicas than required have acknowledged in time.',
      read: read('unreplicated'),
    },
    {
      name: 'gateway_expired_total',
      help: 'Total number of push groups and ingested series that this gateway has removed because they had expired.',
      read: read('expired'),
    },
    {
      name: 'gateway_redis_groups_read_total',
      help: 'Total number of push groups read because they had changed.',
      read: read('groupsRead'),
    },
    {
      name: 'gateway_redis_malformed_total',
      help: 'Total number of push groups and series in Redis that cannot be decoded.',
      read: read('malformed'),
    },
    {
      name: 'gateway_redis_cached_bytes',
      help: 'Estimate of the memory of push groups that were read.',
      read: read('cachedBytes'),
    },
  ]
}
