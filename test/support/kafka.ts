import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import type { Logger } from '../../shared/base/logger.js'
import {
  createGroupConsumer,
  type GroupConsumerOptions,
} from '../../shared/kafka/group-consumer.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import { replayWindow } from '../../shared/kafka/start.js'
import { createTopic } from '../../shared/kafka/topics.js'
import type { GroupConsumer, LogRecord, PartitionListener } from '../../shared/kafka/types.js'

/** A logger that records its lines, for tests of log messages. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const record = (level: string) => (message: string) => {
    lines.push(`${level} ${message}`)
  }
  return {
    lines,
    debug: () => {},
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  }
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export const name = (prefix: string) => `${prefix}-${randomUUID().slice(0, 8)}`

/** Creates a topic for one test, by default on the shared brokers of the test run. */
export async function newTopic(
  partitions: number,
  brokers: string[] = inject('brokers'),
): Promise<string> {
  const topic = name('test')
  await createTopic(
    { brokers },
    { topic, partitions, replicationFactor: -1, retentionMs: 3_600_000 },
  )
  return topic
}

export function newSender(
  topic: string,
  brokers: string[] = inject('brokers'),
  sendTimeout = 5_000,
): Sender {
  return createSender({ kafka: { brokers }, topic, logger: silent, sendTimeout })
}

export type Event =
  | {
      type: 'assignment'
      epoch: number
      partitionCount: number
      kept: number[]
      fresh: number[]
      lost: number[]
      /** Metadata of the previous owners of fresh partitions, as text. */
      previous: Record<number, string>
    }
  | { type: 'replay'; partition: number; from: number; until: number }
  | { type: 'rebalancing' }
  | { type: 'revoking'; partitions: readonly number[] }
  | { type: 'records'; partition: number; first: number; next: number; highWatermark: number }
  | { type: 'error'; message: string; partitions: readonly number[] }

/** Records all calls of a listener, and checks the invariants of each call. */
export class RecordingListener implements PartitionListener {
  readonly events: Event[] = []
  readonly records: { partition: number; record: LogRecord }[] = []
  /** The next expected offset by assigned partition. */
  readonly positions = new Map<number, number>()
  /** The last fetch response by partition. */
  readonly fetched = new Map<
    number,
    { next: number; highWatermark: number; mono: number; answers: number }
  >()
  readonly until = new Map<number, number>()
  /** Violated invariants. */
  readonly violations: string[] = []
  /** Ranges of offsets that were skipped. */
  readonly gaps: string[] = []
  assigned = new Set<number>()
  partitionCount = 0
  /** Called once, when the next rebalance begins. */
  atRebalancing: (() => void) | null = null

  constructor(
    readonly onEach?: (partition: number, records: readonly LogRecord[]) => void | Promise<void>,
  ) {}

  onAssignment(a: {
    epoch: number
    partitionCount: number
    kept: readonly number[]
    fresh: readonly number[]
    lost: readonly number[]
    previous: ReadonlyMap<number, Uint8Array>
  }) {
    this.events.push({
      type: 'assignment',
      ...a,
      kept: [...a.kept],
      fresh: [...a.fresh],
      lost: [...a.lost],
      previous: Object.fromEntries(
        [...a.previous].map(([partition, metadata]) => [
          partition,
          Buffer.from(metadata).toString(),
        ]),
      ),
    })
    for (const partition of a.kept)
      if (!this.assigned.has(partition)) this.#violated(`${partition} is kept but was not assigned`)
    for (const partition of [...a.lost, ...a.fresh]) {
      this.positions.delete(partition)
      this.fetched.delete(partition)
      this.until.delete(partition)
    }
    this.assigned = new Set([...a.kept, ...a.fresh])
    this.partitionCount = a.partitionCount
  }

  onReplay(partition: number, from: number, until: number) {
    this.events.push({ type: 'replay', partition, from, until })
    if (!this.assigned.has(partition))
      this.#violated(`replay of ${partition}, which is not assigned`)
    if (from > until) this.#violated(`replay of ${partition} from ${from} to ${until}`)
    this.positions.set(partition, from)
    this.until.set(partition, until)
  }

  onRebalancing() {
    this.events.push({ type: 'rebalancing' })
    this.atRebalancing?.()
    this.atRebalancing = null
  }

  onRevoking(partitions: readonly number[]): void | Promise<void> {
    this.events.push({ type: 'revoking', partitions })
  }

  onRecords(
    partition: number,
    records: readonly LogRecord[],
    position: { next: number; highWatermark: number },
  ) {
    const expected = this.positions.get(partition)
    const first = records[0]!.offset
    this.events.push({ type: 'records', partition, first, ...position })
    if (expected === undefined)
      this.#violated(`records of ${partition} before its seek, or without an assignment`)
    else if (first < expected) this.#violated(`${partition} went back from ${expected} to ${first}`)
    else if (first > expected) this.gaps.push(`${partition}: ${expected} to ${first}`)
    for (let i = 1; i < records.length; i++) {
      if (records[i]!.offset <= records[i - 1]!.offset)
        this.#violated(`${partition} is out of order at ${records[i]!.offset}`)
    }
    if (position.next <= records.at(-1)!.offset)
      this.#violated(`the position of ${partition} is before its records`)
    this.positions.set(partition, position.next)
    for (const record of records) this.records.push({ partition, record })
    return this.onEach?.(partition, records)
  }

  onFetched(partition: number, next: number, highWatermark: number, mono: number) {
    const expected = this.positions.get(partition)
    if (expected === undefined || next < expected)
      this.#violated(`a fetch of ${partition} ended at ${next}, not ${expected}`)
    const before = this.fetched.get(partition)
    if (before && before.mono > mono) this.#violated(`the time of ${partition} went back`)
    this.positions.set(partition, next)
    this.fetched.set(partition, { next, highWatermark, mono, answers: (before?.answers ?? 0) + 1 })
  }

  onFetchError(error: Error, partitions: readonly number[]) {
    this.events.push({ type: 'error', message: error.message, partitions })
  }

  /** The partitions that have been read up to the high watermark of their assignment. */
  get caughtUp(): number[] {
    return [...this.assigned]
      .filter(p => (this.positions.get(p) ?? -1) >= (this.until.get(p) ?? Infinity))
      .sort((a, b) => a - b)
  }

  of<T extends Event['type']>(type: T): Extract<Event, { type: T }>[] {
    return this.events.filter((e): e is Extract<Event, { type: T }> => e.type === type)
  }

  #violated(violation: string) {
    this.violations.push(violation)
  }
}

export interface TestMember {
  readonly consumer: GroupConsumer
  readonly listener: RecordingListener
  readonly logger: ReturnType<typeof recordingLogger>
  /** The partitions that the member may serve now. */
  held(): number[]
  stop(): Promise<void>
}

/** Starts members of consumer groups, and stops them after a test. */
export class TestMembers {
  readonly #members: TestMember[] = []

  async start(
    options: Pick<GroupConsumerOptions, 'topic' | 'group'> &
      Partial<GroupConsumerOptions> & { listener?: RecordingListener },
  ): Promise<TestMember> {
    const listener = options.listener ?? new RecordingListener()
    const logger = recordingLogger()
    const consumer = createGroupConsumer({
      kafka: { brokers: inject('brokers') },
      metadata: Buffer.from(`member-${this.#members.length}`),
      start: replayWindow(600_000),
      sessionTimeout: 6_000,
      heartbeatInterval: 200,
      logger,
      ...options,
      listener,
    })
    let stopped = false
    const member: TestMember = {
      consumer,
      listener,
      logger,
      held: () =>
        consumer.leaseUntil() > performance.now()
          ? [...listener.assigned].sort((a, b) => a - b)
          : [],
      stop: async () => {
        if (stopped) return
        stopped = true
        await consumer.stop()
      },
    }
    this.#members.push(member)
    await consumer.start()
    return member
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#members.splice(0).map(member => member.stop()))
  }
}
