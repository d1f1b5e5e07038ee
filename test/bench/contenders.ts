import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { fetchPart } from '../../dev/local/supply.js'
import { Backlog, type Encode, type Fleet } from './backlog.js'
import { differenceOf } from './exposed.js'
import { encodeInflux } from './influx.js'
import type { Bench } from './pipeline.js'
import { ShardProcess } from './shard.js'
import { Telegraf, telegrafVersion } from './telegraf.js'
import { cpuOf, rssOf } from './usage.js'

const PARTITIONS = 12
const EXPOSED_TIMEOUT_MS = 300_000
// A shard that is suspended must still own its partitions afterwards.
const LONG_SESSION = '--kafka.session-timeout=2m'

/** A program that consumes a topic and exposes the series for Prometheus. */
interface Program {
  readonly name: string
  readonly pid: number
  readonly url: string
  signal(signal: NodeJS.Signals): void
  /** Number of records that are exposed. */
  exposed(): Promise<number>
  logTail(): string
  stop(): Promise<void>
}

/** A program and the records of the same collections in its own format. */
export class Contender {
  private constructor(
    private readonly program: Program,
    private readonly backlog: Backlog,
  ) {}

  static async shard(bench: Bench, fleet: Fleet): Promise<Contender> {
    return Contender.#start(bench, fleet, undefined, async (topic, port) => {
      const shard = ShardProcess.start(bench.brokers, topic, port, [LONG_SESSION])
      await shard.ready()
      return {
        name: 'kafka-exposer',
        pid: shard.pid,
        url: shard.url,
        signal: signal => shard.signal(signal),
        exposed: () => shard.telemetry('exposer_position'),
        logTail: () => shard.logTail(),
        stop: () => shard.stop(),
      }
    })
  }

  /** @throws Unavailable with what to do if there is no Telegraf */
  static async telegraf(bench: Bench, fleet: Fleet): Promise<Contender> {
    const binary = await fetchPart('telegraf', message => process.stderr.write(`${message}\n`))
    return Contender.#start(bench, fleet, encodeInflux, async (topic, port) => {
      const telegraf = await Telegraf.start(binary, bench.brokers, topic, port)
      return {
        name: telegrafVersion(binary),
        pid: telegraf.pid,
        url: telegraf.url,
        signal: signal => telegraf.signal(signal),
        exposed: () => telegraf.delivered(PARTITIONS),
        logTail: () => telegraf.logTail(),
        stop: () => telegraf.stop(),
      }
    })
  }

  static async #start(
    bench: Bench,
    fleet: Fleet,
    encode: Encode | undefined,
    start: (topic: string, port: number) => Promise<Program>,
  ): Promise<Contender> {
    const topic = await bench.topic()
    const backlog = new Backlog({ brokers: bench.brokers }, topic, fleet, encode)
    await backlog.connect()
    try {
      return new Contender(await start(topic, await bench.port()), backlog)
    } catch (error) {
      await backlog.close()
      throw error
    }
  }

  get name(): string {
    return this.program.name
  }

  /** Mean size of a record, bytes. */
  get recordBytes(): number {
    return Math.round(this.backlog.bytes / this.backlog.records)
  }

  /** CPU time of all threads since the start, seconds. */
  cpu(): number {
    return cpuOf(this.program.pid)
  }

  /** Resident set size, MiB. */
  rss(): number {
    return rssOf(this.program.pid)
  }

  /** Appends rounds of collections while the program is suspended. */
  async appendSuspended(rounds: number): Promise<void> {
    this.program.signal('SIGSTOP')
    try {
      await this.backlog.append(rounds)
    } finally {
      this.program.signal('SIGCONT')
    }
  }

  /** Resolves when everything that was appended is exposed. */
  async caughtUp(): Promise<void> {
    const { name, logTail } = this.program
    for (const until = performance.now() + EXPOSED_TIMEOUT_MS; ; ) {
      // A suspended program closes its idle connections when it continues.
      const records = await this.program.exposed().catch(() => 0)
      if (records >= this.backlog.records) return
      if (performance.now() > until) {
        const progress = `${records} of ${this.backlog.records} records`
        throw new Error(`${name} exposes ${progress}: ${logTail()}`)
      }
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }

  /** Over a connection of its own. */
  async scrape(encoding: 'identity' | 'gzip'): Promise<string> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'accept-encoding': encoding }
      get(`${this.program.url}/metrics`, { agent: false, headers }, resolve).once('error', reject)
    })
    const sent = response.headers['content-encoding'] ?? 'identity'
    if (response.statusCode !== 200 || sent !== encoding)
      throw new Error(`${this.name}: status ${response.statusCode}, ${sent} instead of ${encoding}`)
    return text(encoding === 'gzip' ? response.pipe(createGunzip()) : response)
  }

  /** @throws Error unless the exposition has the last value of every series */
  verify(exposition: string): void {
    const difference = differenceOf(exposition, this.backlog.lastValues())
    if (difference !== null) throw new Error(`${this.name}: ${difference}`)
  }

  async stop(): Promise<void> {
    this.program.signal('SIGCONT')
    await this.program.stop()
    await this.backlog.close()
  }
}
