import { setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRunFolder, removeRunFolder } from '../../dev/local/folders.js'
import { LoadBalancer } from '../../dev/local/load-balancer.js'
import { startPrometheus } from '../../dev/local/prometheus.js'
import type { AppOptions } from '../app/options.js'
import type { FleetOptions } from '../fleet/options.js'
import type { NaiveExposerOptions } from '../naive/main.js'
import { randomOf } from '../random.js'
import { App } from './app.js'
import { Cluster, type ClusterOptions } from './cluster.js'
import { ExposerGroup } from './exposer-group.js'
import { Fleet } from './fleet.js'
import { type LabProcess, startProcess } from './process.js'
import { LabPrometheus, remoteWriteConfig } from './prometheus.js'
import { Scope } from './scope.js'

export interface LabContext {
  readonly seed: number
  readonly signal: AbortSignal
  /** Receives a description of the step that begins. */
  onStep(text: string): void
  /** Receives the completed fraction of the experiment, 0 to 1. */
  onCompletion(fraction: number): void
}

/** Test environment of one experiment. `close` stops everything that it started. */
export class Lab {
  readonly signal: AbortSignal
  readonly #scope = new Scope()
  readonly #folder = createRunFolder('lab')

  constructor(private readonly context: LabContext) {
    this.signal = context.signal
    // Each concurrent sleep adds a listener.
    setMaxListeners(0, this.signal)
    this.#scope.defer(() => removeRunFolder(this.#folder))
  }

  get seed(): number {
    return this.context.seed
  }

  random(stream: string): () => number {
    return randomOf(this.context.seed, stream)
  }

  reportStep(text: string): void {
    this.context.onStep(text)
  }

  reportCompletion(fraction: number): void {
    this.context.onCompletion(fraction)
  }

  /** Registers a function to be called by `close`. */
  defer(stop: () => Promise<void> | void): void {
    this.#scope.defer(stop)
  }

  close(): Promise<void> {
    return this.#scope.close()
  }

  /**
   * Runs `work` with a nested lab that is closed afterwards, so that the next step has the machine
   * for itself.
   */
  async runNested<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
    const nested = new Lab(this.context)
    try {
      return await work(nested)
    } finally {
      await nested.close()
    }
  }

  /** @throws the signal's reason as soon as it is aborted */
  async sleep(seconds: number): Promise<void> {
    this.signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer)
        reject(this.signal.reason)
      }
      const timer = setTimeout(() => {
        this.signal.removeEventListener('abort', abort)
        resolve()
      }, seconds * 1000)
      this.signal.addEventListener('abort', abort, { once: true })
    })
  }

  /**
   * Polls a condition until it is true. A rejected check counts as false.
   *
   * @throws Error after the timeout, with the last rejection as its cause
   */
  async waitUntil(
    condition: string,
    check: () => Promise<boolean> | boolean,
    timeoutSeconds = 60,
  ): Promise<void> {
    let lastError: unknown
    for (const deadline = performance.now() + timeoutSeconds * 1000; ; ) {
      try {
        if (await check()) return
      } catch (error) {
        lastError = error
      }
      if (performance.now() > deadline) {
        throw new Error(`timed out after ${timeoutSeconds} s waiting until ${condition}`, {
          cause: lastError,
        })
      }
      await this.sleep(0.1)
    }
  }

  startCluster(options: ClusterOptions = {}): Promise<Cluster> {
    this.signal.throwIfAborted()
    return Cluster.start(options, this.#scope)
  }

  /** Starts a process with one or more targets, which are scraped, published, or both. */
  async startApp(name: string, options: AppOptions): Promise<App> {
    return new App(await this.#start(`app ${name}`, 'lab/app/main.js', options), options)
  }

  /** Starts a process that stands for many apps towards Kafka and Prometheus. */
  async startFleet(options: FleetOptions): Promise<Fleet> {
    return new Fleet(await this.#start('fleet', 'lab/fleet/main.js', options), options)
  }

  /** Starts the shipped exposer with the given number of shards, and waits until they are ready. */
  async startExposerGroup(
    cluster: Cluster,
    topic: string,
    { shards = 1, group: groupId = topic, flags = [] as string[] } = {},
  ): Promise<ExposerGroup> {
    const front = await LoadBalancer.start()
    this.#scope.defer(() => front.stop())
    const flagsOf = (port: number) => [
      'exposer',
      `--kafka.brokers=${cluster.brokers.join(',')}`,
      `--kafka.topic=${topic}`,
      `--kafka.group=${groupId}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--web.external-url=${front.url}`,
      '--log.level=warn',
      ...flags,
    ]
    const group = new ExposerGroup(front, index =>
      this.#startProgram(`shard ${index}`, 'cli/main.js', flagsOf),
    )
    for (let i = 0; i < shards; i++) await group.addShard()
    await this.waitUntil('every shard is ready', async () => {
      for (const shard of group.shards) await shard.get('/-/ready')
      return true
    })
    return group
  }

  /**
   * Starts shards of the shipped exposer that nobody scrapes: they send what they read to each
   * receiver by remote write. Sends what is published from then on.
   */
  startRemoteWriters(
    cluster: Cluster,
    topic: string,
    receivers: readonly LabPrometheus[],
    { shards = 1 } = {},
  ): Promise<ExposerGroup> {
    const group = `${topic}-sending`
    const file = join(this.#folder, `${group}.json`)
    writeFileSync(file, JSON.stringify(remoteWriteConfig(receivers)))
    const flags = [`--remote-write.config.file=${file}`]
    return this.startExposerGroup(cluster, topic, { shards, group, flags })
  }

  async startNaiveExposer(
    cluster: Cluster,
    topic: string,
    options: Partial<NaiveExposerOptions> = {},
  ): Promise<LabProcess> {
    const { timestamps = false } = options
    const group = options.group ?? `${topic}-${timestamps ? 'timestamps' : 'stamped'}`
    const complete: NaiveExposerOptions = { brokers: cluster.brokers, topic, group, timestamps }
    return this.#start('naive exposer', 'lab/naive/main.js', complete)
  }

  async startPrometheus(config: object, flags: readonly string[] = []): Promise<LabPrometheus> {
    this.signal.throwIfAborted()
    const prometheus = await startPrometheus({ config, flags })
    this.#scope.defer(() => prometheus.stop())
    return new LabPrometheus(prometheus)
  }

  #start(name: string, script: string, options: object): Promise<LabProcess> {
    return this.#startProgram(name, script, port => [String(port), JSON.stringify(options)])
  }

  #startProgram(
    name: string,
    script: string,
    argsOf: (port: number) => readonly string[],
  ): Promise<LabProcess> {
    this.signal.throwIfAborted()
    return startProcess(name, script, this.#folder, argsOf, child =>
      this.#scope.defer(async () => void (await child.stop('SIGKILL'))),
    )
  }
}
