import type { Logger } from '../../shared/base/logger.js'
import { createSender } from '../../shared/kafka/sender.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import type { LayoutCompression } from '../../shared/snapshot/layout-compression.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { httpService, type Workload } from './workload.js'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error: console.error }

export interface Fleet {
  readonly targets: number
  readonly series: number
  /** Whether each target has its own layout, as if each ran its own version. */
  readonly distinctLayouts?: boolean
  /** Default: that of publishers. */
  readonly layoutCompression?: LayoutCompression
}

/** The label `instance` of a target. */
export const instanceOf = (target: number): string => `10.1.${target >> 8}.${target & 255}:8080`

interface App {
  readonly key: Buffer
  readonly labels: { name: string; value: string }[]
  readonly workload: Workload
  readonly layout: ReturnType<typeof encodeLayout>
}

interface Collection {
  readonly incarnation: number
  readonly sequence: number
  readonly collectedAt: number
  readonly intervalMs: number
  readonly values: Float64Array
}

/** Encodes the record of one collection of an app. */
export type Encode = (app: App, collection: Collection) => Buffer

const encodeRecord: Encode = (app, { values, ...collection }) =>
  encodeSnapshot(
    {
      ...collection,
      target: app.labels,
      superseded: 0,
      collectSeconds: 0.002,
      part: 0,
      parts: 1,
      end: false,
      layoutId: app.layout.id,
    },
    { layoutCompressed: app.layout.compressed, values },
  )

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
    private readonly encode: Encode = encodeRecord,
    connections = 6,
  ) {
    const { layoutCompression } = fleet
    const shared = httpService(fleet.series)
    const sharedLayout = encodeLayout(shared.layout, layoutCompression)
    this.#apps = Array.from({ length: fleet.targets }, (_, t) => {
      const labels = [
        { name: 'instance', value: instanceOf(t) },
        { name: 'job', value: 'api' },
      ]
      const workload = fleet.distinctLayouts ? httpService(fleet.series, `-v${t}`) : shared
      const layout = fleet.distinctLayouts
        ? encodeLayout(workload.layout, layoutCompression)
        : sharedLayout
      return { key: targetKey(labels), labels, workload, layout }
    })
    this.#senders = Array.from({ length: connections }, () =>
      createSender({ kafka, topic, logger: quiet, sendTimeout: 30_000 }),
    )
  }

  async connect(): Promise<void> {
    await Promise.all(this.#senders.map(s => s.connect()))
  }

  /**
   * Appends `rounds` snapshots of every target, round by round.
   *
   * @param perSecond records per second at most
   */
  async append(
    rounds: number,
    intervalMs = 15_000,
    perSecond = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const start = performance.now()
    let sent = 0
    for (let r = 0; r < rounds; r++) {
      const sequence = this.#sequence++
      this.#collectedAt = Math.max(this.#collectedAt + 1, Date.now())
      let next = 0
      await Promise.all(
        this.#senders.map(async sender => {
          const values = new Float64Array(this.fleet.series)
          while (next < this.#apps.length) {
            const t = next++
            const app = this.#apps[t]
            const wait = start + (sent++ * 1000) / perSecond - performance.now()
            if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait))
            app.workload.fill(values, t, sequence)
            const value = this.encode(app, {
              incarnation: this.#incarnation,
              sequence,
              collectedAt: Math.max(this.#collectedAt, Date.now()),
              intervalMs,
              values,
            })
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

  /** The values of the last round by the label `instance`, in ascending order. */
  lastValues(): Map<string, Float64Array> {
    return new Map(
      this.#apps.map(({ labels, workload }, t) => {
        const values = new Float64Array(this.fleet.series)
        workload.fill(values, t, this.#sequence - 1)
        return [labels[0].value, values.sort()]
      }),
    )
  }
}
