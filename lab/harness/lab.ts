import { setMaxListeners } from 'node:events'
import { createRunFolder, removeRunFolder } from '../../dev/local/folders.js'
import { Front } from '../../dev/local/front.js'
import { startPrometheus } from '../../dev/local/prometheus.js'
import type { AppOptions, AppStats } from '../app/options.js'
import type { FleetOptions, FleetStats } from '../fleet/options.js'
import type { NaiveExposerOptions } from '../naive/main.js'
import { randomOf } from '../random.js'
import { Cluster, type ClusterOptions } from './cluster.js'
import { type LabProcess, start } from './process.js'
import { LabPrometheus } from './prometheus.js'
import { Scope } from './scope.js'

export interface LabEvents {
  readonly seed: number
  readonly signal: AbortSignal
  /** What is being done, for people who wait. */
  say(text: string): void
  /** How much of the experiment is done, 0 to 1. */
  share(done: number): void
}

/** What an experiment is made with. All that it starts ends with `close`, whatever happened. */
export class Lab {
  readonly signal: AbortSignal
  readonly #scope = new Scope()
  readonly #folder = createRunFolder('lab')

  constructor(private readonly events: LabEvents) {
    this.signal = events.signal
    // Every pause listens to it, and many apps pause at once.
    setMaxListeners(0, this.signal)
    this.#scope.defer(() => removeRunFolder(this.#folder))
  }

  get seed(): number {
    return this.events.seed
  }

  random(stream: string): () => number {
    return randomOf(this.events.seed, stream)
  }

  say(text: string): void {
    this.events.say(text)
  }

  share(done: number): void {
    this.events.share(done)
  }

  defer(stop: () => Promise<void> | void): void {
    this.#scope.defer(stop)
  }

  close(): Promise<void> {
    return this.#scope.close()
  }

  /** Work with a lab of its own, whose processes end with it: what is measured next has the machine for itself. */
  async within<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
    const inner = new Lab(this.events)
    try {
      return await work(inner)
    } finally {
      await inner.close()
    }
  }

  /** Seconds in which the world goes on. Rejects when the lab is told to stop. */
  async pause(seconds: number): Promise<void> {
    this.signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        reject(this.signal.reason)
      }
      const timer = setTimeout(() => {
        this.signal.removeEventListener('abort', stop)
        resolve()
      }, seconds * 1000)
      this.signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** @throws Error when it has not come to be in time */
  async until(what: string, met: () => Promise<boolean> | boolean, withinSeconds = 60): Promise<void> {
    let last: unknown
    for (const limit = performance.now() + withinSeconds * 1000; ; ) {
      try {
        if (await met()) return
      } catch (error) {
        last = error
      }
      if (performance.now() > limit) {
        throw new Error(`within ${withinSeconds} s it did not come to be: ${what}`, { cause: last })
      }
      await this.pause(0.1)
    }
  }

  cluster(options: ClusterOptions = {}): Promise<Cluster> {
    this.signal.throwIfAborted()
    return Cluster.start(options, this.#scope)
  }

  /** A process with one or more targets that are scraped, published, or both. */
  async app(name: string, options: AppOptions): Promise<App> {
    this.signal.throwIfAborted()
    const process = await start(
      `app ${name}`,
      'lab/app/main.js',
      this.#folder,
      port => [String(port), JSON.stringify(options)],
      child => this.#scope.defer(async () => void (await child.stop('SIGKILL'))),
    )
    return new App(process, options)
  }

  /** Many apps in one process, as the brokers and Prometheus see them. */
  async fleet(options: FleetOptions): Promise<Fleet> {
    this.signal.throwIfAborted()
    const process = await start(
      'fleet',
      'lab/fleet/main.js',
      this.#folder,
      port => [String(port), JSON.stringify(options)],
      child => this.#scope.defer(async () => void (await child.stop('SIGKILL'))),
    )
    return new Fleet(process, options)
  }

  /** Shards as they are shipped, behind one address. */
  async ours(cluster: Cluster, topic: string, { shards = 1, flags = [] as string[] } = {}): Promise<Ours> {
    const front = await Front.start()
    this.#scope.defer(() => front.stop())
    const ours = new Ours(front, index =>
      start(
        `shard ${index}`,
        'cli/main.js',
        this.#folder,
        port => [
          'exposer',
          `--kafka.brokers=${cluster.brokers.join(',')}`,
          `--kafka.topic=${topic}`,
          `--kafka.group=${topic}`,
          `--web.listen-address=127.0.0.1:${port}`,
          `--web.external-url=${front.url}`,
          '--log.level=warn',
          ...flags,
        ],
        child => this.#scope.defer(async () => void (await child.stop('SIGKILL'))),
      ),
    )
    for (let i = 0; i < shards; i++) await ours.add()
    await this.until('every shard is ready', async () => {
      for (const shard of ours.shards) await shard.get('/-/ready')
      return true
    })
    return ours
  }

  /** The exposer as it is usually built. */
  async naive(
    cluster: Cluster,
    topic: string,
    options: Partial<NaiveExposerOptions> = {},
  ): Promise<LabProcess> {
    const { timestamps = false } = options
    const group = options.group ?? `${topic}-${timestamps ? 'timestamps' : 'stamped'}`
    const all: NaiveExposerOptions = { brokers: cluster.brokers, topic, group, timestamps }
    return start(
      'naive exposer',
      'lab/naive/main.js',
      this.#folder,
      port => [String(port), JSON.stringify(all)],
      child => this.#scope.defer(async () => void (await child.stop('SIGKILL'))),
    )
  }

  async prometheus(config: object, flags: readonly string[] = []): Promise<LabPrometheus> {
    this.signal.throwIfAborted()
    const prometheus = await startPrometheus({ config, flags })
    this.#scope.defer(() => prometheus.stop())
    return new LabPrometheus(prometheus)
  }
}

/** An app of the lab. */
export class App {
  constructor(
    readonly process: LabProcess,
    readonly options: AppOptions,
  ) {}

  get instances(): string[] {
    return Array.from({ length: this.options.targets }, (_, i) => `${this.options.instance}-${i}`)
  }

  async stats(options: { collectGarbage?: boolean } = {}): Promise<AppStats> {
    return JSON.parse(
      await this.process.get(`/control/stats${options.collectGarbage ? '?gc' : ''}`),
    ) as AppStats
  }

  /** The process ends without a word. */
  die(): Promise<void> {
    return this.process.kill()
  }

  /** The process stands still. */
  hang(): void {
    this.process.signal('SIGSTOP')
  }

  resume(): void {
    this.process.signal('SIGCONT')
  }

  /** @returns Unix ms at which its gauge `lab_alarm` became 1 */
  async alarm(): Promise<number> {
    await this.process.get('/control/alarm')
    return Date.now()
  }

  async explode(series: number, target = 0): Promise<void> {
    await this.process.get(`/control/explode?target=${target}&series=${series}`)
  }
}

/** Apps by the hundreds. */
export class Fleet {
  constructor(
    readonly process: LabProcess,
    readonly options: FleetOptions,
  ) {}

  async stats(): Promise<FleetStats> {
    return JSON.parse(await this.process.get('/control/stats')) as FleetStats
  }

  /** From now on there are so many targets, never fewer than before. */
  async grow(targets: number): Promise<void> {
    await this.process.get(`/control/targets?count=${targets}`)
  }
}

/** Shards behind one address. */
export class Ours {
  readonly shards: LabProcess[] = []

  constructor(
    readonly front: Front,
    private readonly startShard: (index: number) => Promise<LabProcess>,
  ) {}

  get url(): string {
    return this.front.url
  }

  /** Targets that are shown as up, of all shards. */
  async up(): Promise<number> {
    let up = 0
    for (const shard of this.shards) {
      const telemetry = await shard.get('/telemetry')
      up += Number(/^exposer_targets\{state="up"\} (\d+)/m.exec(telemetry)?.[1] ?? 0)
    }
    return up
  }

  async add(): Promise<LabProcess> {
    const shard = await this.startShard(this.shards.length)
    this.shards.push(shard)
    this.front.serve(this.shards.map(one => one.url))
    return shard
  }
}
