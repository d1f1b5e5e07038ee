import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../../dev/local/child.js'
import { createRunFolder, removeRunFolder } from '../../dev/local/folders.js'
import { fetchOffsets } from '../../shared/kafka/group/offsets.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'

const START_TIMEOUT_MS = 60_000
const quiet = { debug() {}, info() {}, warn() {}, error: console.error }

/** "Telegraf 1.37.2" */
export const telegrafVersion = (binary: string): string =>
  execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim().split(' ').slice(0, 2).join(' ')

/** A Telegraf that consumes influx line protocol from a topic and exposes it for Prometheus. */
export class Telegraf {
  readonly url: string
  readonly #child: Child
  readonly #cluster: Cluster
  readonly #folder: string

  private constructor(
    child: Child,
    port: number,
    folder: string,
    brokers: readonly string[],
    private readonly topic: string,
  ) {
    this.#child = child
    this.#folder = folder
    this.url = `http://127.0.0.1:${port}`
    this.#cluster = new Cluster({ brokers: [...brokers] }, quiet)
  }

  /** Resolves when it listens. */
  static async start(
    binary: string,
    brokers: readonly string[],
    topic: string,
    port: number,
  ): Promise<Telegraf> {
    const folder = createRunFolder('telegraf')
    const config = join(folder, 'telegraf.conf')
    writeFileSync(config, configuration(brokers, topic, port))
    const child = await Child.start({
      name: 'Telegraf',
      command: binary,
      args: ['--config', config],
      logFile: join(folder, 'telegraf.log'),
    })
    const telegraf = new Telegraf(child, port, folder, brokers, topic)
    try {
      await telegraf.#ready()
    } catch (error) {
      await telegraf.stop()
      throw error
    }
    return telegraf
  }

  get pid(): number {
    return this.#child.pid
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.signal(signal)
  }

  async #ready(): Promise<void> {
    for (const until = performance.now() + START_TIMEOUT_MS; ; ) {
      const listens = await fetch(this.url).then(
        () => true,
        () => false,
      )
      if (listens) return
      if (this.#child.exit || performance.now() > until)
        throw new Error(`Telegraf did not start: ${this.logTail()}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /**
   * Number of records whose metrics its output has taken over: then Telegraf commits their offset.
   * Reading the offsets costs Telegraf nothing.
   */
  async delivered(partitions: number): Promise<number> {
    const cluster = this.#cluster
    const link = cluster.linkTo(await cluster.findCoordinator(this.topic))
    const numbers = Array.from({ length: partitions }, (_, partition) => partition)
    const offsets = await fetchOffsets(link, this.topic, this.topic, numbers, 5000)
    return [...offsets.values()].reduce((sum, { offset }) => sum + offset, 0)
  }

  logTail(): string {
    return this.#child.logTail(20)
  }

  async stop(): Promise<void> {
    this.#cluster.close()
    this.#child.signal('SIGCONT')
    await this.#child.stop()
    removeRunFolder(this.#folder)
  }
}

/**
 * Nothing is dropped: no series expires, and the buffer holds more lines than may be undelivered. A
 * batch is written as soon as it is full, at the latest after a second. Smaller batches, the other
 * parser and metric version 1 cost as much or more.
 */
const configuration = (brokers: readonly string[], topic: string, port: number) => `
[agent]
  metric_batch_size = 1000
  metric_buffer_limit = 100000
  flush_interval = "1s"
  omit_hostname = true
  quiet = true
  logfile = ""

[[inputs.kafka_consumer]]
  brokers = ${JSON.stringify(brokers)}
  kafka_version = "3.6.0"
  topics = ["${topic}"]
  consumer_group = "${topic}"
  offset = "oldest"
  max_undelivered_messages = 10000
  max_processing_time = "10s"
  data_format = "influx"
  influx_parser_type = "upstream"

[[outputs.prometheus_client]]
  listen = "127.0.0.1:${port}"
  read_timeout = "5m"
  write_timeout = "5m"
  metric_version = 2
  expiration_interval = "0s"
  collectors_exclude = ["gocollector", "process"]
`
