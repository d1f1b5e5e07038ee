import { systemClock } from '../../shared/base/clock.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import { ConflatingOutbox, type ConflatingTarget } from '../../shared/publish/conflating-outbox.js'
import { snapshotOf } from '../../shared/publish/publications.js'
import { Run } from '../../shared/publish/run.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { type Part, planParts } from '../../shared/snapshot/split.js'
import type { FleetWorkload } from './workload.js'

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} }
const SEND_TIMEOUT_MS = 10_000

interface TargetState {
  readonly run: Run
  readonly outbox: ConflatingTarget
}

/**
 * Publishes for many targets with the publisher's outbox and sender, over one connection to each
 * broker. The publisher's loop and its sampling are not included.
 */
export class FleetSenders {
  sendErrors = 0
  readonly #targets = new Map<string, TargetState>()
  readonly #outbox: ConflatingOutbox
  readonly #incarnation = Date.now()
  readonly #parts: readonly Part[]

  private constructor(
    workload: FleetWorkload,
    private readonly intervalMs: number,
    private readonly sender: Sender,
  ) {
    this.#parts = planParts(workload.layout)
    this.#outbox = new ConflatingOutbox({ sender, clock: systemClock })
  }

  static async start(
    brokers: readonly string[],
    topic: string,
    workload: FleetWorkload,
    intervalMs: number,
  ): Promise<FleetSenders> {
    const sender = createSender({
      kafka: { brokers: [...brokers] },
      topic,
      logger: silentLogger,
      sendTimeout: SEND_TIMEOUT_MS,
    })
    await sender.connect()
    return new FleetSenders(workload, intervalMs, sender)
  }

  get superseded(): number {
    let superseded = 0
    for (const { outbox } of this.#targets.values()) superseded += outbox.counts.superseded
    return superseded
  }

  /** @param values copied */
  publish(job: string, instance: string, values: Float64Array, collectedAt: number): void {
    const { run, outbox } = this.#stateOf(job, instance)
    const sample = { parts: this.#parts, values: values.slice(), timestamps: null, exemplars: null }
    outbox.offer(snapshotOf(run.header, run.next(collectedAt, 0.001), sample, false))
  }

  async stop(): Promise<void> {
    this.#outbox.stop()
    await this.sender.disconnect()
  }

  #stateOf(job: string, instance: string): TargetState {
    let target = this.#targets.get(instance)
    if (!target) {
      const labels = sortLabels({ job, instance })
      const { intervalMs } = this
      target = {
        run: new Run({ target: labels, incarnation: this.#incarnation, intervalMs }),
        outbox: this.#outbox.target(targetKey(labels), { failed: () => this.sendErrors++ }),
      }
      this.#targets.set(instance, target)
    }
    return target
  }
}
