import { createSender, type Sender } from '../../shared/kafka/sender.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import type { FleetWorkload } from './workload.js'

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} }
/**
 * Connections, and so produce requests in flight. Real apps have one each; 8 are enough for a local
 * broker.
 */
const CONNECTIONS = 8

interface TargetState {
  readonly key: Buffer
  readonly labels: readonly Label[]
  sequence: number
  superseded: number
  collectedAt: number
  /** The encoded snapshot that is to be sent next. */
  waiting: Buffer | undefined
  /** Whether the target is in the queue or a send is in flight. */
  isQueued: boolean
}

/**
 * Publishes for many targets with the publisher's rule for one: at most one snapshot per target
 * waits, and a newer one supersedes it. Encoding and sender are the publisher's; timer and sampling
 * are not included.
 */
export class FleetSenders {
  superseded = 0
  sendErrors = 0
  readonly #targets = new Map<string, TargetState>()
  readonly #queue: TargetState[] = []
  readonly #idle: Sender[]
  readonly #all: Sender[]
  readonly #incarnation = Date.now()
  readonly #layout

  private constructor(
    workload: FleetWorkload,
    private readonly intervalMs: number,
    senders: Sender[],
  ) {
    this.#layout = encodeLayout(workload.layout)
    this.#idle = senders
    this.#all = [...senders]
  }

  static async start(
    brokers: readonly string[],
    topic: string,
    workload: FleetWorkload,
    intervalMs: number,
  ): Promise<FleetSenders> {
    const senders = Array.from({ length: CONNECTIONS }, () =>
      createSender({ kafka: { brokers: [...brokers] }, topic, logger: silentLogger, sendTimeout: 10_000 }),
    )
    await Promise.all(senders.map(sender => sender.connect()))
    return new FleetSenders(workload, intervalMs, senders)
  }

  publish(job: string, instance: string, values: Float64Array, collectedAt: number): void {
    const target = this.#stateOf(job, instance)
    if (target.waiting) {
      target.superseded++
      this.superseded++
    }
    target.collectedAt = Math.max(target.collectedAt + 1, collectedAt)
    target.waiting = encodeSnapshot(
      {
        target: target.labels,
        incarnation: this.#incarnation,
        sequence: target.sequence++,
        superseded: target.superseded,
        collectedAt: target.collectedAt,
        intervalMs: this.intervalMs,
        collectSeconds: 0.001,
        part: 0,
        parts: 1,
        end: false,
        layoutId: this.#layout.id,
      },
      { layoutCompressed: this.#layout.compressed, values },
    )
    this.#enqueue(target)
  }

  async stop(): Promise<void> {
    this.#queue.length = 0
    await Promise.all(this.#all.map(sender => sender.disconnect()))
  }

  #stateOf(job: string, instance: string): TargetState {
    let target = this.#targets.get(instance)
    if (!target) {
      const labels = sortLabels({ job, instance })
      const key = targetKey(labels)
      target = {
        key,
        labels,
        sequence: 0,
        superseded: 0,
        collectedAt: 0,
        waiting: undefined,
        isQueued: false,
      }
      this.#targets.set(instance, target)
    }
    return target
  }

  #enqueue(target: TargetState): void {
    if (target.isQueued) return
    target.isQueued = true
    this.#queue.push(target)
    const sender = this.#idle.pop()
    if (sender) void this.#sendQueued(sender)
  }

  async #sendQueued(sender: Sender): Promise<void> {
    for (let target = this.#queue.shift(); target; target = this.#queue.shift()) {
      const value = target.waiting!
      target.waiting = undefined
      try {
        await sender.send(target.key, [value])
      } catch {
        this.sendErrors++
      }
      // The next snapshot of a target is sent after the acknowledgement of this one, to keep the
      // order.
      target.isQueued = false
      if (target.waiting) this.#enqueue(target)
    }
    this.#idle.push(sender)
  }
}
