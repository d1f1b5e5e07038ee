import { type LocalPrometheus, startPrometheus } from '../../../dev/local/prometheus.js'
import { createTopic } from '../../../shared/kafka/topics.js'
import { eventually } from '../eventually.js'
import { LocalProgram } from './program.js'

export interface ReceivingSideOptions {
  readonly brokers: readonly string[]
  /** Number of gateways. */
  readonly gateways?: number
  readonly gatewayFlags?: (index: number) => readonly string[]
  readonly exposerFlags?: readonly string[]
  /** Scrape interval of the Prometheus that scrapes the mirrors, such as `1s`. */
  readonly interval: string
}

const PARTITIONS = 4
let sides = 0

/**
 * Gateways, an exposer that sends what they receive to one Prometheus (`stored`), and another
 * Prometheus that scrapes the mirrors (`scraping`). All are real programs.
 */
export class ReceivingSide {
  private constructor(
    readonly gateways: readonly LocalProgram[],
    readonly exposer: LocalProgram,
    readonly stored: LocalPrometheus,
    readonly scraping: LocalPrometheus,
    private readonly stops: (() => Promise<unknown>)[],
  ) {}

  /** Resolves when everything that is written from now on arrives. */
  static async start(options: ReceivingSideOptions): Promise<ReceivingSide> {
    const stops: (() => Promise<unknown>)[] = []
    try {
      return await ReceivingSide.#start(options, stops)
    } catch (error) {
      await stopAll(stops)
      throw error
    }
  }

  static async #start(
    { brokers, gateways: count = 2, gatewayFlags, exposerFlags, interval }: ReceivingSideOptions,
    stops: (() => Promise<unknown>)[],
  ): Promise<ReceivingSide> {
    const prefix = `senders.${process.pid}.${sides++}`
    const topics = {
      writes: `${prefix}.writes`,
      snapshots: `${prefix}.snapshots`,
      pushes: `${prefix}.pushes`,
      pushSnapshots: `${prefix}.pushes.snapshots`,
    }
    for (const [key, topic] of Object.entries(topics))
      await createTopic(
        { brokers: [...brokers] },
        { topic, key: key as keyof typeof topics, partitions: PARTITIONS },
      )
    const started = async <T extends { stop(): Promise<unknown> }>(part: Promise<T>) => {
      const value = await part
      stops.push(() => value.stop())
      return value
    }
    const kafka = `--kafka.brokers=${brokers.join(',')}`
    const stored = await started(
      startPrometheus({
        // A vmagent with several queues sends some samples after newer ones of their series.
        config: { storage: { tsdb: { out_of_order_time_window: '30m' } } },
        flags: ['--web.enable-remote-write-receiver'],
      }),
    )
    const exposer = await started(
      LocalProgram.start('exposer', [
        ...[kafka, `--kafka.topic=${topics.snapshots}`, `--kafka.group=${prefix}`],
        `--remote-write.url=${stored.url}/api/v1/write`,
        ...[
          `--remote-write.writes-topic=${topics.writes}`,
          '--remote-write.batch-send-deadline=1s',
        ],
        ...(exposerFlags ?? []),
      ]),
    )
    const gateways: LocalProgram[] = []
    for (let i = 0; i < count; i++)
      gateways.push(
        await started(
          LocalProgram.start('gateway', [
            ...[kafka, `--kafka.topic=${topics.snapshots}`, `--kafka.group=${prefix}`],
            `--kafka.writes-topic=${topics.writes}`,
            `--kafka.pushes-topic=${topics.pushes}`,
            `--kafka.push-snapshots-topic=${topics.pushSnapshots}`,
            ...(gatewayFlags?.(i) ?? []),
          ]),
        ),
      )
    const scraping = await started(
      startPrometheus({
        config: {
          global: { scrape_interval: interval, scrape_timeout: interval },
          scrape_configs: [
            {
              job_name: 'kafka',
              http_sd_configs: [{ url: `${exposer.url}/sd`, refresh_interval: '1s' }],
            },
          ],
        },
      }),
    )
    const side = new ReceivingSide(gateways, exposer, stored, scraping, stops)
    await eventually(async () => {
      const sent = await exposer.metric(
        'exposer_remote_write_partitions',
        `topic="${topics.writes}"`,
      )
      const mirrored = await side.mirrors('gateway_mirror_partitions')
      if (sent !== PARTITIONS || mirrored !== PARTITIONS)
        throw new Error(`${sent} partitions are sent, ${mirrored} mirrored`)
    }, 60_000)
    return side
  }

  /** The sum of a metric over the gateways that answer. */
  async mirrors(name: string, labels = ''): Promise<number> {
    const values = await Promise.all(
      this.gateways.map(gateway => gateway.metric(name, labels).catch(() => 0)),
    )
    return values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0)
  }

  async stop(): Promise<void> {
    await stopAll(this.stops)
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop()
}
