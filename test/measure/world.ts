import { LoadBalancer } from '../../dev/local/load-balancer.js'
import { freePort } from '../../dev/local/ports.js'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { createSender } from '../../shared/kafka/sender.js'
import type { Bench } from '../bench/pipeline.js'
import { ShardProcess } from '../bench/shard.js'
import { SteadyApp, type SteadyAppOptions } from '../support/steady-app.js'

const quiet = { debug() {}, info() {}, warn() {}, error: console.error }

/**
 * Shards in their own processes behind a load balancer, apps that publish, and Prometheus servers
 * that scrape.
 */
export class World {
  readonly shards: ShardProcess[] = []
  readonly apps: SteadyApp[] = []
  readonly prometheuses: LocalPrometheus[] = []

  private constructor(
    private readonly bench: Bench,
    readonly topic: string,
    readonly balancer: LoadBalancer,
  ) {}

  static async start(bench: Bench): Promise<World> {
    return new World(bench, await bench.topic(), await LoadBalancer.start())
  }

  async shard(flags: string[] = []): Promise<ShardProcess> {
    const shard = ShardProcess.start(this.bench.brokers, this.topic, await freePort(), [
      `--web.external-url=${this.balancer.url}`,
      '--kafka.heartbeat-interval=1s',
      ...flags,
    ])
    await shard.ready()
    this.shards.push(shard)
    this.updateBalancer()
    return shard
  }

  updateBalancer(): void {
    this.balancer.setBackends(this.shards.map(shard => shard.url))
  }

  app(options: SteadyAppOptions): SteadyApp {
    const { brokers } = this.bench
    const sender = createSender({
      kafka: { brokers },
      topic: this.topic,
      logger: quiet,
      sendTimeout: 5000,
    })
    const app = new SteadyApp(sender, options).start()
    this.apps.push(app)
    return app
  }

  /** @param options.own whether the targets of the load balancer are scraped */
  async prometheus(
    interval: string,
    more: object[] = [],
    global: object = {},
    { own = true } = {},
  ): Promise<LocalPrometheus> {
    const prometheus = await startPrometheus({
      config: {
        global: {
          scrape_interval: interval,
          scrape_timeout: interval,
          scrape_protocols: ['PrometheusText1.0.0'],
          ...global,
        },
        scrape_configs: [
          ...(own
            ? [
                {
                  job_name: 'kafka',
                  http_sd_configs: [{ url: `${this.balancer.url}/sd`, refresh_interval: '2s' }],
                },
              ]
            : []),
          ...more,
        ],
      },
    })
    this.prometheuses.push(prometheus)
    return prometheus
  }

  async stop(): Promise<void> {
    await Promise.all(this.apps.map(app => app.stop()))
    await Promise.all(this.prometheuses.map(one => one.stop()))
    await Promise.all(this.shards.map(shard => shard.stop()))
    await this.balancer.stop()
  }
}

export const seconds = (n: number) => new Promise(resolve => setTimeout(resolve, n * 1000))

/** Waits until the condition is met. */
export async function until(condition: () => Promise<boolean>, withinSeconds = 120): Promise<void> {
  const limit = performance.now() + withinSeconds * 1000
  while (!(await condition().catch(() => false))) {
    if (performance.now() > limit)
      throw new Error(`not met within ${withinSeconds} s: ${condition}`)
    await seconds(0.05)
  }
}

export function percentile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}
