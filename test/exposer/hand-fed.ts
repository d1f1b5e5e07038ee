import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { GroupMap } from '../../exposer/group/map.js'
import { endpoints } from '../../exposer/routes/endpoints.js'
import { assemble } from '../../exposer/server/assemble.js'
import type { ExposerConfig } from '../../exposer/server/config.js'
import type { RemoteFacts } from '../../exposer/telemetry/remote-write-status.js'
import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { close, createHttpServer, listen, serve } from '../../shared/http/server.js'
import { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { Layout } from '../../shared/metrics/layout.js'
import { encodeFailure } from '../../shared/snapshot/failure.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { EXPOSER_CONFIG } from '../support/exposer-config.js'
import { encodedOnce } from '../support/layout-record.js'

export const PARTITIONS = 4

export interface Lines {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

/**
 * A shard without Kafka: everything from its HTTP server to its core is real. Tests call the
 * listener of the group consumer instead.
 */
export class HandFed {
  /** Set to let the lease expire; by default it does not expire during the test. */
  leaseUntil = Number.POSITIVE_INFINITY
  /** The response of the coordinator; may throw. */
  map: () => GroupMap | Promise<GroupMap> = () => ({
    stable: true,
    partitionCount: PARTITIONS,
    members: [{ memberId: 'a', address: this.url, partitions: [0, 1, 2, 3] }],
  })
  mapsRead = 0
  trouble: string | undefined
  /** Milliseconds by which the shard's clocks are ahead of the machine's, to skip time in tests. */
  ahead = 0
  readonly clock: Clock = {
    now: () => ({ wall: Date.now() + this.ahead, mono: performance.now() + this.ahead }),
  }
  url = ''
  /** Receivers of remote write. */
  remotes: RemoteFacts[] = []
  /** Number of partitions of the topic. */
  partitions = PARTITIONS
  readonly log: Lines[] = []
  readonly sockets: Socket[] = []
  web: LiveWebConfig | undefined
  #server!: Server
  #parts!: ReturnType<typeof assemble>
  #epoch = 0
  readonly #next = new Map<number, number>()
  readonly #records = new Map<number, LogRecord[]>()

  static async start(overrides: Partial<ExposerConfig> = {}): Promise<HandFed> {
    const fed = new HandFed()
    const at =
      (level: string): Logger['info'] =>
      (message, fields) =>
        void fed.log.push({ level, message, fields })
    const logger: Logger = {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
    }
    const { webConfigFile } = overrides
    fed.web = webConfigFile === undefined ? undefined : new LiveWebConfig(webConfigFile, logger)
    fed.web?.start()
    fed.#server = createHttpServer({ maxConnections: 1000 }, fed.web)
    fed.#server.on('connection', socket => fed.sockets.push(socket))
    const { port } = await listen(fed.#server, { host: '127.0.0.1', port: 0 })
    fed.url = `${fed.web?.current.tls ? 'https' : 'http'}://127.0.0.1:${port}`
    fed.#parts = assemble(
      { ...EXPOSER_CONFIG, ...overrides },
      {
        clock: fed.clock,
        logger,
        version: '0.0.0-test',
        address: fed.url,
        leaseUntil: () => fed.leaseUntil,
        readGroup: async () => {
          fed.mapsRead++
          return fed.map()
        },
        trouble: () => fed.trouble,
        remotes: () => fed.remotes,
        web: fed.web,
      },
    )
    serve(fed.#server, endpoints(fed.#parts.services))
    return fed
  }

  get services() {
    return this.#parts.services
  }

  async stop(): Promise<void> {
    this.services.changes.close()
    this.services.group.close()
    await close(this.#server, 0)
    this.services.peers.close()
    await this.web?.close()
  }

  /** A new assignment. All partitions are empty and loaded at once, unless `replaying` is true. */
  assign(
    partitions: readonly number[],
    {
      replaying = false,
      kept = [] as readonly number[],
      previous = new Map<number, Uint8Array>() as ReadonlyMap<number, Uint8Array>,
    } = {},
  ): void {
    const { feed } = this.#parts
    const before = feed.current?.partitions ?? new Set(this.#next.keys())
    const lost = [...before].filter(p => !partitions.includes(p))
    const fresh = partitions.filter(p => !kept.includes(p))
    for (const partition of [...lost, ...fresh]) this.#next.delete(partition)
    feed.onAssignment({
      epoch: ++this.#epoch,
      partitionCount: this.partitions,
      kept,
      fresh,
      lost,
      previous,
    })
    if (!replaying) for (const partition of fresh) this.loaded(partition)
  }

  /** The partition is empty, so that it is loaded. */
  loaded(partition: number): void {
    this.#parts.feed.onReplay(partition, 0, 0)
    this.#next.set(partition, 0)
  }

  /** The topic was deleted and created again: the log of the partition has so many records. */
  replaced(partition: number, records: number): void {
    this.#parts.feed.onReplay(partition, 0, records)
    this.#next.set(partition, 0)
  }

  /** The appended records of a partition. */
  records(partition: number): readonly LogRecord[] {
    return this.#records.get(partition) ?? []
  }

  /** Replays the log of a partition. */
  async replay(partition: number, records: readonly LogRecord[], from = 0): Promise<void> {
    const { feed } = this.#parts
    const next = (records.at(-1)?.offset ?? -1) + 1
    feed.onReplay(partition, from, next)
    await feed.onRecords(
      partition,
      records.filter(record => record.offset >= from),
    )
    this.#records.set(partition, [...records])
    this.#next.set(partition, next)
    this.fetched(partition)
  }

  rebalance(): void {
    this.#parts.feed.onRebalancing()
  }

  /** The partitions are about to be lost. Resolves when responses in progress have completed. */
  revoke(partitions: readonly number[]): Promise<void> {
    return this.#parts.feed.onRevoking(partitions)
  }

  /** A fetch was answered without records. */
  fetched(partition: number): void {
    const next = this.#next.get(partition) ?? 0
    this.#parts.feed.onFetched(partition, next, next, this.clock.now().mono)
  }

  fetchFailed(partitions: readonly number[]): void {
    this.#parts.feed.onFetchError(new Error('the broker is gone'), partitions)
  }

  async append(snapshot: SnapshotOf): Promise<void> {
    const { key, value, partition } = recordOf(snapshot)
    const offset = this.#next.get(partition) ?? 0
    const record: LogRecord = {
      offset,
      timestamp: snapshot.appendedAt ?? this.clock.now().wall,
      key,
      value,
    }
    this.#next.set(partition, offset + 1)
    this.#records.set(partition, [...this.records(partition), record])
    await this.#parts.feed.onRecords(partition, [record])
    this.fetched(partition)
  }

  get(
    path: string,
    headers: Record<string, string> = {},
    init: RequestInit = {},
  ): Promise<Response> {
    return fetch(this.url + path, { redirect: 'manual', ...init, headers })
  }
}

export interface SnapshotOf {
  readonly labels: Readonly<Record<string, string>>
  readonly layout?: Layout
  readonly values?: ArrayLike<number>
  readonly incarnation?: number
  readonly sequence?: number
  readonly end?: boolean
  readonly intervalMs?: number
  readonly collectedAt?: number
  readonly appendedAt?: number
  /** Reason of a failed collection. */
  readonly failure?: string
}

const RUN_STARTED = Date.now() - 3_600_000
let lastCollected = 0
/** The current time, but strictly ascending: no two snapshots have the same collection time. */
const collectedNow = () => {
  lastCollected = Math.max(lastCollected + 1, Date.now())
  return lastCollected
}

export const oneCounter: Layout = {
  families: [
    {
      name: 'requests',
      type: 'counter',
      help: 'Requests so far',
      unit: '',
      series: [{ suffix: '_total', labels: [{ name: 'path', value: '/' }] }],
    },
  ],
}

/** A gauge family with so many series that its exposition takes many chunks. */
export function manySeries(count: number): Layout {
  const series = Array.from({ length: count }, (_, i) => ({
    suffix: '' as const,
    labels: [{ name: 'index', value: String(i).padStart(80, '0') }],
  }))
  return { families: [{ name: 'many', type: 'gauge', help: 'Many series', unit: '', series }] }
}

function recordOf(snapshot: SnapshotOf): { key: Buffer; value: Buffer; partition: number } {
  const target = labelsOf(snapshot.labels)
  const layout = encodedOnce(snapshot.layout ?? oneCounter)
  const header = {
    target,
    incarnation: snapshot.incarnation ?? RUN_STARTED,
    sequence: snapshot.sequence ?? 0,
    superseded: 0,
    collectedAt: snapshot.collectedAt ?? collectedNow(),
    intervalMs: snapshot.intervalMs ?? 15_000,
    collectSeconds: 0.01,
    part: 0,
    parts: 1,
    end: snapshot.end ?? false,
    layoutId: layout.id,
  }
  const value = encodeSnapshot(header, {
    layoutCompressed: layout.compressed,
    values: snapshot.values ?? [42],
  })
  const key = targetKey(target)
  if (snapshot.failure !== undefined) {
    return {
      key,
      value: encodeFailure(header, snapshot.failure),
      partition: partitionFor(key, PARTITIONS),
    }
  }
  return { key, value, partition: partitionFor(key, PARTITIONS) }
}

const labelsOf = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

/** The partition that a target's records are on. */
export function partitionOf(labels: Readonly<Record<string, string>>): number {
  return partitionFor(targetKey(labelsOf(labels)), PARTITIONS)
}

export const path = (labels: Readonly<Record<string, string>>) =>
  `/target?${new URLSearchParams(labels)}`
