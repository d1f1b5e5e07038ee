import type { Logger } from '../../shared/base/logger.js'
import { createSender } from '../../shared/kafka/sender.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { httpService, type Workload } from './workload.js'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error: console.error }

export interface Fleet {
  readonly targets: number
  readonly series: number
  /** Whether each target has its own layout, as if each ran its own version. */
  readonly distinctLayouts?: boolean
}

interface App {
  readonly key: Buffer
  readonly labels: { name: string; value: string }[]
  readonly workload: Workload
  readonly layout: ReturnType<typeof encodeLayout>
}

/**
 * Appends the snapshots of many apps from one process: one record and one request per snapshot,
 * each with its layout.
 */
export class Backlog {
  readonly #apps: App[]
  readonly #senders
  #sequence = 0
  readonly #incarnation = Date.now() - 60_000
  #collectedAt = this.#incarnation
  /** Total size of the values of written records, bytes. */
  bytes = 0
  records = 0

  constructor(
    kafka: KafkaConfig,
    topic: string,
    readonly fleet: Fleet,
    connections = 6,
  ) {
    const shared = httpService(fleet.series)
    const sharedLayout = encodeLayout(shared.layout)
    this.#apps = Array.from({ length: fleet.targets }, (_, t) => {
      const labels = [
        { name: 'instance', value: `10.1.${t >> 8}.${t & 255}:8080` },
        { name: 'job', value: 'api' },
      ]
      const workload = fleet.distinctLayouts ? httpService(fleet.series, `-v${t}`) : shared
      const layout = fleet.distinctLayouts ? encodeLayout(workload.layout) : sharedLayout
      return { key: targetKey(labels), labels, workload, layout }
    })
    this.#senders = Array.from({ length: connections }, () =>
      createSender({ kafka, topic, logger: quiet, sendTimeout: 30_000 }),
    )
  }

  async connect(): Promise<void> {
    await Promise.all(this.#senders.map(s => s.connect()))
  }

  /** Appends `rounds` snapshots of every target, round by round. */
  async append(rounds: number, intervalMs = 15_000): Promise<void> {
    for (let r = 0; r < rounds; r++) {
      const sequence = this.#sequence++
      this.#collectedAt = Math.max(this.#collectedAt + 1, Date.now())
      let next = 0
      await Promise.all(
        this.#senders.map(async sender => {
          const values = new Float64Array(this.fleet.series)
          while (next < this.#apps.length) {
            const t = next++
            const value = this.#encode(t, sequence, values, intervalMs)
            this.bytes += value.length
            this.records++
            await sender.send(this.#apps[t].key, [value])
          }
        }),
      )
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#senders.map(s => s.disconnect()))
  }

  #encode(t: number, sequence: number, values: Float64Array, intervalMs: number): Buffer {
    const app = this.#apps[t]
    app.workload.fill(values, t, sequence)
    return encodeSnapshot(
      {
        target: app.labels,
        incarnation: this.#incarnation,
        sequence,
        superseded: 0,
        collectedAt: this.#collectedAt,
        intervalMs,
        collectSeconds: 0.002,
        part: 0,
        parts: 1,
        end: false,
        layoutId: app.layout.id,
      },
      { layoutCompressed: app.layout.compressed, values },
    )
  }
}
