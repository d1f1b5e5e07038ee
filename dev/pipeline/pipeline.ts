import { join } from 'node:path'
import { createTopic } from '../../shared/kafka/topics.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { workerPython } from '../demo/worker/worker.js'
import { Child } from '../local/child.js'
import { compiledScript } from '../local/compiled-script.js'
import { createRunFolder, removeRunFolder } from '../local/folders.js'
import { existingKafka, type LocalKafka, startKafka } from '../local/kafka.js'
import { type LaunchedProgram, launch, withPortLock } from '../local/launch.js'
import { LoadBalancer } from '../local/load-balancer.js'
import { type LocalPrometheus, startPrometheus } from '../local/prometheus.js'
import { Unavailable } from '../local/run-command.js'
import { fetchPart } from '../local/supply.js'
import { agentProgram, agentTargets, workerProgram } from './agent.js'
import { BATCH, pushTopics } from './gateway.js'
import { checkExposers, checkGateway, checkPrometheus, type Health } from './health.js'
import { appPrograms, type Common, gatewayProgram, JOBS, PORTS, shardPrograms } from './programs.js'
import { scrapeConfig } from './scrape-config.js'

export interface PipelineOptions {
  /** The cluster to use. If `brokers` is empty, a Kafka is started. */
  readonly kafka: KafkaConfig
  /** Flags of the programs in addition to the brokers: --kafka.config.file. */
  readonly kafkaFlags: readonly string[]
  readonly topic: string
  readonly group: string
  /** Value of `--exposition.timestamps` of the shards. */
  readonly timestamps: string
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

const PARTITIONS = 12
const RETENTION_MS = 3_600_000
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
  gateway!: LaunchedProgram
  /** The demo batch job, which serves nothing. */
  batch!: Child
  agent!: LaunchedProgram
  /** The program that the agent scrapes. */
  worker: LaunchedProgram | null = null
  /** Why there is no worker. */
  workerProblem = ''
  prometheus: LocalPrometheus | null = null
  prometheusHasPages = false
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
    const python = workerPython(progress).catch((error: Error) => error)
    await this.#startKafka()
    this.front = await LoadBalancer.start(PORTS.front)
    progress('starting two exposer shards, a gateway, three apps and an agent')
    await this.#launchPrograms(await python)
    this.front.setBackends(this.shards.map(shard => shard.url))
    await this.#startPrometheus(await fetched)
    await this.#waitUntilHealthy()
  }

  /**
   * Stops those that publish first, so that they publish their end, then the programs that read
   * from Kafka.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    const publishing = [...this.apps, this.agent].map(program => program?.child)
    await Promise.all([...publishing, this.batch].map(child => child?.stop()))
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
    const scraped = agentTargets(this.worker)
    const { problems, rates } = this.prometheus
      ? await checkPrometheus(this.prometheus, running, [...scraped, BATCH])
      : await checkExposers(this.front.url, [...running, ...scraped, BATCH])
    const pushes = await checkGateway(this.gateway.url)
    const required = [
      ...this.kafka.nodes.map(node => node.child!),
      ...this.apps.map(({ child }) => child),
      this.gateway.child,
      this.batch,
      this.agent.child,
      ...(this.worker ? [this.worker.child] : []),
    ]
    const exits = required.filter(child => child.exit).map(child => child.describeExit())
    return { problems: [...exits, ...pushes, ...problems], rates }
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
    const { pushes, snapshots } = pushTopics(topic)
    const brokers = { ...kafka, brokers: this.kafka.brokers }
    await createTopic(brokers, { topic: pushes, key: 'pushes' })
    await createTopic(brokers, { topic: snapshots, key: 'pushSnapshots' })
  }

  async #launchPrograms(python: string | Error): Promise<void> {
    const { topic, group, kafkaFlags, timestamps } = this.options
    const brokers = `--kafka.brokers=${this.kafka.brokers.join(',')}`
    const common: Common = {
      kafka: [brokers, `--kafka.topic=${topic}`, ...kafkaFlags],
      topic,
      group,
      logFileOf: name => join(this.#folder, `${name}.log`),
    }
    const shards = shardPrograms(common, this.front.url, timestamps)
    const worker = this.#hasPython(python) ? [workerProgram(common, python)] : []
    const programs = [...shards, gatewayProgram(common), ...appPrograms(common), ...worker]
    const started = (child: Child) => this.#started(child)
    const launched = await launch(programs, started)
    this.shards = launched.splice(0, shards.length)
    this.gateway = launched.shift()!
    this.apps = JOBS.map(job => {
      const app = launched.shift()!
      return { ...app, job, instance: `127.0.0.1:${app.port}` }
    })
    this.worker = launched.shift() ?? null
    await this.#startBatch()
    this.agent = (await launch([agentProgram(common, this.worker)], started))[0]
  }

  #hasPython(python: string | Error): python is string {
    if (typeof python === 'string') return true
    if (!(python instanceof Unavailable)) throw python
    this.workerProblem = python.message
    this.listener.progress(`continuing without the worker in Python. ${python.message}`)
    return false
  }

  async #startBatch(): Promise<void> {
    const script = compiledScript('dev/demo/batch/main.js')
    const log = join(this.#folder, 'batch.log')
    this.batch = await Child.node('batch', script, [`--gateway=${this.gateway.url}`], log)
    this.#started(this.batch)
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
    const timestamps = this.options.timestamps !== 'none'
    const programs = { shards, gateways: [this.gateway.url], agents: [this.agent.url] }
    const config = scrapeConfig(this.front.url, programs, { timestamps })
    this.prometheus = await withPortLock(() => startPrometheus({ config, port: PORTS.prometheus }))
    this.#watch(this.prometheus.child)
    this.prometheusHasPages = await this.prometheus.hasPages()
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
      const message = `waiting for the samples of all targets: ${problems[0]}`
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
