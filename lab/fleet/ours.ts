import { createSender, type Sender } from '../../shared/kafka/sender.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import type { FleetWorkload } from './workload.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
/** Requests under way at once. Apps have a connection each; so many are enough for a broker on this machine. */
const CONNECTIONS = 8

interface Member {
  readonly key: Buffer
  readonly labels: readonly Label[]
  sequence: number
  superseded: number
  collectedAt: number
  waiting: Buffer | undefined
  queued: boolean
}

/**
 * Publishes for many targets as the publisher does for one: a snapshot of each waits at most, and a newer one takes its place. Codec and sender are the
 * publisher's; its timer and its sampling of a client library are not here.
 */
export class FleetSenders {
  superseded = 0
  sendErrors = 0
  readonly #members = new Map<string, Member>()
  readonly #queue: Member[] = []
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
      createSender({ kafka: { brokers: [...brokers] }, topic, logger: quiet, sendTimeout: 10_000 }),
    )
    await Promise.all(senders.map(sender => sender.connect()))
    return new FleetSenders(workload, intervalMs, senders)
  }

  publish(job: string, instance: string, values: Float64Array, at: number): void {
    const member = this.#memberOf(job, instance)
    if (member.waiting) {
      member.superseded++
      this.superseded++
    }
    member.collectedAt = Math.max(member.collectedAt + 1, at)
    member.waiting = encodeSnapshot(
      {
        target: member.labels,
        incarnation: this.#incarnation,
        sequence: member.sequence++,
        superseded: member.superseded,
        collectedAt: member.collectedAt,
        intervalMs: this.intervalMs,
        collectSeconds: 0.001,
        part: 0,
        parts: 1,
        end: false,
        layoutId: this.#layout.id,
      },
      { layoutCompressed: this.#layout.compressed, values },
    )
    this.#enqueue(member)
  }

  async stop(): Promise<void> {
    this.#queue.length = 0
    await Promise.all(this.#all.map(sender => sender.disconnect()))
  }

  #memberOf(job: string, instance: string): Member {
    let member = this.#members.get(instance)
    if (!member) {
      const labels = sortLabels({ job, instance })
      const key = targetKey(labels)
      member = { key, labels, sequence: 0, superseded: 0, collectedAt: 0, waiting: undefined, queued: false }
      this.#members.set(instance, member)
    }
    return member
  }

  #enqueue(member: Member): void {
    if (member.queued) return
    member.queued = true
    this.#queue.push(member)
    const sender = this.#idle.pop()
    if (sender) void this.#work(sender)
  }

  async #work(sender: Sender): Promise<void> {
    for (let member = this.#queue.shift(); member; member = this.#queue.shift()) {
      const value = member.waiting!
      member.waiting = undefined
      try {
        await sender.send(member.key, [value])
      } catch {
        this.sendErrors++
      }
      // The order of a target's snapshots is kept: its next one is not sent before this one has arrived.
      member.queued = false
      if (member.waiting) this.#enqueue(member)
    }
    this.#idle.push(sender)
  }
}
