import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import type { Logger } from '../../shared/base/logger.js'
import { createGroupConsumer, type GroupConsumerOptions } from '../../shared/kafka/group-consumer.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import { replayWindow } from '../../shared/kafka/start.js'
import { createTopic } from '../../shared/kafka/topics.js'
import type { GroupConsumer, LogRecord, PartitionListener } from '../../shared/kafka/types.js'

/** Keeps what is said, for tests about what people are told. */
export function keepingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (level: string) => (message: string) => {
    lines.push(`${level} ${message}`)
  }
  return { lines, debug: () => {}, info: keep('info'), warn: keep('warn'), error: keep('error') }
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export const name = (prefix: string) => `${prefix}-${randomUUID().slice(0, 8)}`

/** A topic of the test's own, by default on the brokers of the whole run. */
export async function newTopic(partitions: number, brokers: string[] = inject('brokers')): Promise<string> {
  const topic = name('test')
  await createTopic({ brokers }, { topic, partitions, replicationFactor: -1, retentionMs: 3_600_000 })
  return topic
}

export function newSender(topic: string, brokers: string[] = inject('brokers'), sendTimeout = 5_000): Sender {
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
    }
  | { type: 'replay'; partition: number; from: number; until: number }
  | { type: 'rebalancing' }
  | { type: 'records'; partition: number; first: number; next: number; highWatermark: number }
  | { type: 'error'; message: string; partitions: readonly number[] }

/** Writes down what a listener is told, and checks what must hold for every single call. */
export class RecordingListener implements PartitionListener {
  readonly events: Event[] = []
  readonly records: { partition: number; record: LogRecord }[] = []
  /** Next expected offset of every held partition that has one. */
  readonly positions = new Map<number, number>()
  /** The last answer of each partition's fetches. */
  readonly fetched = new Map<number, { next: number; highWatermark: number; mono: number; answers: number }>()
  readonly until = new Map<number, number>()
  /** What must never happen and did. */
  readonly violations: string[] = []
  /** Offsets that were never handed over although a later one was. */
  readonly gaps: string[] = []
  assigned = new Set<number>()
  partitionCount = 0
  /** Called the next time that a rebalance begins, at once. */
  atRebalancing: (() => void) | null = null

  constructor(readonly onEach?: (partition: number, records: readonly LogRecord[]) => void | Promise<void>) {}

  onAssignment(a: {
    epoch: number
    partitionCount: number
    kept: readonly number[]
    fresh: readonly number[]
    lost: readonly number[]
  }) {
    this.events.push({ type: 'assignment', ...a, kept: [...a.kept], fresh: [...a.fresh], lost: [...a.lost] })
    for (const partition of a.kept)
      if (!this.positions.has(partition)) this.#violated(`${partition} is kept but has no position`)
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
    if (!this.assigned.has(partition)) this.#violated(`replay of ${partition}, which is not ours`)
    if (from > until) this.#violated(`replay of ${partition} from ${from} to ${until}`)
    this.positions.set(partition, from)
    this.until.set(partition, until)
  }

  onRebalancing() {
    this.events.push({ type: 'rebalancing' })
    this.atRebalancing?.()
    this.atRebalancing = null
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
      this.#violated(`records of ${partition} before its seek, or of one that is not ours`)
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
      this.#violated(`a fetch of ${partition} answered at ${next}, not ${expected}`)
    const before = this.fetched.get(partition)
    if (before && before.mono > mono) this.#violated(`the time of ${partition} went back`)
    this.positions.set(partition, next)
    this.fetched.set(partition, { next, highWatermark, mono, answers: (before?.answers ?? 0) + 1 })
  }

  onFetchError(error: Error, partitions: readonly number[]) {
    this.events.push({ type: 'error', message: error.message, partitions })
  }

  /** Partitions read up to the watermark of their assignment. */
  get caughtUp(): number[] {
    return [...this.assigned]
      .filter(p => (this.positions.get(p) ?? -1) >= (this.until.get(p) ?? Infinity))
      .sort((a, b) => a - b)
  }

  of<T extends Event['type']>(type: T): Extract<Event, { type: T }>[] {
    return this.events.filter((e): e is Extract<Event, { type: T }> => e.type === type)
  }

  #violated(what: string) {
    this.violations.push(what)
  }
}

export interface TestMember {
  readonly consumer: GroupConsumer
  readonly listener: RecordingListener
  readonly logger: ReturnType<typeof keepingLogger>
  /** What may be served right now. */
  held(): number[]
  stop(): Promise<void>
}

/** Members of consumer groups; stop them all when the test is over. */
export class TestMembers {
  readonly #members: TestMember[] = []

  async start(
    options: Pick<GroupConsumerOptions, 'topic' | 'group'> &
      Partial<GroupConsumerOptions> & { listener?: RecordingListener },
  ): Promise<TestMember> {
    const listener = options.listener ?? new RecordingListener()
    const logger = keepingLogger()
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
        consumer.leaseUntil() > performance.now() ? [...listener.assigned].sort((a, b) => a - b) : [],
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
