import { join } from 'node:path'
import { createTopic } from '../../shared/kafka/topics.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import type { Child } from '../local/child.js'
import { compiledScript } from '../local/compiled-script.js'
import { createRunFolder, removeRunFolder } from '../local/folders.js'
import { existingKafka, type LocalKafka, startKafka } from '../local/kafka.js'
import { type LaunchedProgram, launch, type Program, withPortLock } from '../local/launch.js'
import { LoadBalancer } from '../local/load-balancer.js'
import { type LocalPrometheus, startPrometheus } from '../local/prometheus.js'
import { Unavailable } from '../local/run-command.js'
import { fetchPart } from '../local/supply.js'
import { checkExposers, checkPrometheus, type Health } from './health.js'
import { scrapeConfig } from './scrape-config.js'

export interface PipelineOptions {
  /** The cluster to use. If `brokers` is empty, a Kafka is started. */
  readonly kafka: KafkaConfig
  /** Flags of the programs in addition to the brokers: --kafka.config.file. */
  readonly kafkaFlags: readonly string[]
  readonly topic: string
  readonly group: string
}

/** Receives the events of a pipeline. */
export interface PipelineListener {
  progress(message: string): void
  /** A child has exited unexpectedly. */
  exited(child: Child): void
}

export interface App extends LaunchedProgram {
  readonly job: string
  readonly instance: string
}

const SHARDS = 2
const PARTITIONS = 12
const RETENTION_MS = 3_600_000
const PORTS = { front: 9750, shards: 9754, apps: 9771, prometheus: 9090 }
const JOBS = ['shop', 'payments', 'catalog']
const START_TIMEOUT_MS = 120_000

/**
 * All programs that `npm start` runs. Call `start` and `stop` once each; `stop` may interrupt
 * `start`.
 */
export class Pipeline {
  kafka!: LocalKafka
  front!: LoadBalancer
  shards: readonly LaunchedProgram[] = []
  apps: readonly App[] = []
  prometheus: LocalPrometheus | null = null
  /** Why there is no Prometheus. */
  prometheusProblem = ''
  readonly #children: Child[] = []
  readonly #folder = createRunFolder('dev')
  #stopping = false

  constructor(
    private readonly options: PipelineOptions,
    private readonly listener: PipelineListener,
  ) {}

  /**
   * Resolves when every app is up and its samples arrive.
   *
   * @throws Error, Unavailable or KafkaError
   */
  async start(): Promise<void> {
    const { progress } = this.listener
    const fetched = fetchPart('prometheus', progress).catch((error: Error) => error)
    await this.#startKafka()
    this.front = await LoadBalancer.start(PORTS.front)
    progress('starting two exposer shards and three apps')
    await this.#launchPrograms()
    this.front.setBackends(this.shards.map(shard => shard.url))
    await this.#startPrometheus(await fetched)
    await this.#waitUntilHealthy()
  }

  /**
   * Stops the apps first, so that they publish their end, then the programs that read from Kafka.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.apps.map(({ child }) => child.stop()))
    await this.prometheus?.stop()
    await Promise.all(this.#children.map(child => child.stop()))
    await this.front?.stop()
    await this.kafka?.stop()
    removeRunFolder(this.#folder)
  }

  /**
   * Checks the health of the pipeline. An app that has exited is a problem at once, before its last
   * snapshot is stale. A dead shard is not a problem if the other one serves its targets.
   */
  async checkHealth(): Promise<Health> {
    const running = this.apps.filter(({ child }) => !child.exit)
    const { problems, rates } = this.prometheus
      ? await checkPrometheus(this.prometheus, running)
      : await checkExposers(this.front.url, running)
    const required = [
      ...this.kafka.nodes.map(node => node.child!),
      ...this.apps.map(({ child }) => child),
    ]
    const exits = required.filter(child => child.exit).map(child => child.describeExit())
    return { problems: [...exits, ...problems], rates }
  }

  async #startKafka(): Promise<void> {
    const { kafka, topic } = this.options
    const { progress } = this.listener
    if (kafka.brokers.length) {
      progress(`using the Kafka at ${kafka.brokers.join(', ')}`)
      this.kafka = existingKafka(kafka.brokers)
    } else {
      progress('starting Kafka')
      this.kafka = await startKafka({ own: true, log: progress })
      for (const node of this.kafka.nodes) this.#watch(node.child!)
    }
    const own = { topic, partitions: PARTITIONS, replicationFactor: -1, retentionMs: RETENTION_MS }
    const created = await createTopic({ ...kafka, brokers: this.kafka.brokers }, own)
    progress(created ? `created topic ${topic}` : `topic ${topic} already exists`)
  }

  async #launchPrograms(): Promise<void> {
    const { topic, group, kafkaFlags } = this.options
    const kafka = [
      `--kafka.brokers=${this.kafka.brokers.join(',')}`,
      `--kafka.topic=${topic}`,
      ...kafkaFlags,
    ]
    const cli = compiledScript('cli/main.js')
    const demo = compiledScript('dev/demo/main.js')
    const shards = Array.from({ length: SHARDS }, (_, i): Program => {
      const args = (port: number) => [
        'exposer',
        ...kafka,
        `--kafka.group=${group}`,
        `--web.listen-address=127.0.0.1:${port}`,
        `--web.advertise-address=http://127.0.0.1:${port}`,
        `--web.external-url=${this.front.url}`,
      ]
      return this.#program(`shard-${i + 1}`, cli, PORTS.shards + i, args)
    })
    const apps = JOBS.map((job, i) =>
      this.#program(job, demo, PORTS.apps + i, port => [
        job,
        ...kafka,
        `--web.listen-address=127.0.0.1:${port}`,
      ]),
    )
    const launched = await launch([...shards, ...apps], child => this.#started(child))
    this.shards = launched.slice(0, SHARDS)
    this.apps = launched
      .slice(SHARDS)
      .map((app, i) => ({ ...app, job: JOBS[i], instance: `127.0.0.1:${app.port}` }))
  }

  #program(name: string, script: string, preferredPort: number, args: Program['args']): Program {
    return { name, script, preferredPort, args, logFile: join(this.#folder, `${name}.log`) }
  }

  async #startPrometheus(found: string | Error): Promise<void> {
    if (found instanceof Unavailable) {
      this.prometheusProblem = found.message
      this.listener.progress(`continuing without Prometheus. ${found.message}`)
      return
    }
    if (found instanceof Error) throw found
    this.listener.progress('starting Prometheus')
    const shards = this.shards.map(shard => shard.url)
    const config = scrapeConfig(this.front.url, shards)
    this.prometheus = await withPortLock(() => startPrometheus({ config, port: PORTS.prometheus }))
    this.#watch(this.prometheus.child)
  }

  async #waitUntilHealthy(): Promise<void> {
    let lastMessage = ''
    for (const until = performance.now() + START_TIMEOUT_MS; !this.#stopping; ) {
      const { problems } = await this.checkHealth()
      if (problems.length === 0) return
      const ended = this.#children.find(child => child.exit)
      if (ended || performance.now() > until) {
        const logs = (ended ? [ended] : this.#children).map(
          child => `${child.name}: ${child.logTail(3)}`,
        )
        throw new Error(`the pipeline did not start: ${problems.join('; ')}\n${logs.join('\n')}`)
      }
      const message = `waiting for the samples of all apps (${JOBS.length - problems.length} of ${JOBS.length} up)`
      if (message !== lastMessage) this.listener.progress(message)
      lastMessage = message
      await new Promise(resolve => setTimeout(resolve, 250))
    }
  }

  #started(child: Child): void {
    this.#children.push(child)
    if (this.#stopping) void child.kill()
    this.#watch(child)
  }

  #watch(child: Child): void {
    void child.exited.then(() => {
      if (!child.stopping && !this.#stopping) this.listener.exited(child)
    })
  }
}
