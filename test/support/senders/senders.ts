import { startPrometheus } from '../../../dev/local/prometheus.js'
import { startVmagent } from '../../../dev/local/vmagent.js'
import { WriteCapture } from '../write-capture.js'
import { ownTimes, ScrapedApp, sameValues } from './scraped-app.js'
import { SenderProxy } from './sender-proxy.js'

/** Kinds of senders, by name. */
export interface SenderOptions {
  readonly kind: 'agent' | 'vmagent' | 'server'
  /** Requests that it sends at the same time. */
  readonly shards: number
  /** Scrape interval, such as `1s`. */
  readonly interval: string
  readonly gateways: readonly string[]
}

/** Jobs of the targets of each sender. */
export const JOBS = ['steady', 'failing', 'timed'] as const

/**
 * A real sender with three targets: one that never fails, one that can fail, one with samples that
 * have times of their own. It sends everything to gateways, through a proxy, and to a receiver that
 * keeps it: what was really sent. A server also sends the results of recording rules.
 */
export class SenderUnderTest {
  private constructor(
    /** Value of the label `prometheus` of all its series. */
    readonly name: string,
    readonly proxy: SenderProxy,
    readonly capture: WriteCapture,
    readonly apps: Readonly<Record<(typeof JOBS)[number], ScrapedApp>>,
    /** Where its own samples can be read; undefined if it stores none. */
    readonly storedAt: string | undefined,
    private readonly stops: readonly (() => Promise<unknown>)[],
  ) {}

  static async start(options: SenderOptions): Promise<SenderUnderTest> {
    const name = `${options.kind}-${options.shards}`
    const stops: (() => Promise<unknown>)[] = []
    const [proxy, capture] = [await SenderProxy.start(), await WriteCapture.start()]
    proxy.setGateways(options.gateways)
    const apps = {
      steady: await ScrapedApp.start(sameValues),
      failing: await ScrapedApp.start(sameValues),
      timed: await ScrapedApp.start(ownTimes),
    }
    for (const app of Object.values(apps)) stops.push(() => app.stop())
    stops.push(
      () => proxy.stop(),
      () => capture.stop(),
    )
    const scraped = {
      global: {
        scrape_interval: options.interval,
        scrape_timeout: options.interval,
        external_labels: { prometheus: name },
      },
      scrape_configs: JOBS.map(job => ({
        job_name: job,
        static_configs: [{ targets: [apps[job].address] }],
      })),
    }
    const urls = [proxy.url, capture.url]
    const sender =
      options.kind === 'vmagent'
        ? await startVmagent(scraped, urls, [
            `-remoteWrite.queues=${options.shards}`,
            '-remoteWrite.maxRowsPerBlock=50',
          ])
        : await startSendingPrometheus(scraped, urls, options)
    stops.push(() => sender.stop())
    const storedAt = options.kind === 'server' ? sender.url : undefined
    return new SenderUnderTest(name, proxy, capture, apps, storedAt, stops)
  }

  /** Selects the series of one of its targets; those of rules have no `instance`. */
  selector(job: (typeof JOBS)[number]): string {
    return `{job="${job}",prometheus="${this.name}",instance="${this.apps[job].address}"}`
  }

  async stop(): Promise<void> {
    for (const stop of [...this.stops].reverse()) await stop()
  }
}

/** Series of recording rules, without `instance`, and one without `job`. */
const RULES = {
  groups: [
    {
      name: 'recorded',
      rules: [
        { record: 'job:scrape_number:sum', expr: 'sum by (job) (scrape_number)' },
        { record: 'all:up:sum', expr: 'sum(up)' },
      ],
    },
  ],
}

async function startSendingPrometheus(
  scraped: object & { readonly global: object },
  urls: readonly string[],
  { kind, shards, interval }: SenderOptions,
) {
  const remote_write = urls.map(url => ({
    url,
    protobuf_message: 'io.prometheus.write.v2.Request',
    // A held request is answered late, and not repeated.
    remote_timeout: '2m',
    queue_config: {
      min_shards: shards,
      max_shards: shards,
      batch_send_deadline: '1s',
      max_samples_per_send: 50,
    },
  }))
  const agent = kind === 'agent'
  return startPrometheus({
    agent,
    flags: ['--enable-feature=metadata-wal-records'],
    ...(agent ? {} : { files: { 'rules.yml': JSON.stringify(RULES) } }),
    config: {
      ...scraped,
      global: { ...scraped.global, ...(agent ? {} : { evaluation_interval: interval }) },
      ...(agent ? {} : { rule_files: ['rules.yml'] }),
      remote_write,
    },
  })
}
