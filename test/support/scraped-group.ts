import { request } from 'node:http'
import { freePorts } from '../../dev/local/ports.js'
import { eventually } from './eventually.js'
import { name, newTopic } from './kafka.js'
import { type ChildSettings, Fleet, ShardChild, targetPath } from './shards.js'

/** What happened since `begin`. Shards are named by their number. */
export interface ScrapeReport {
  readonly scrapes: number
  /**
   * Failed scrapes by shard: the one whose connection failed, else the one that had answered the
   * target's last scrape before `begin`.
   */
  readonly failed: Readonly<Record<number, number>>
  /** Different reasons of failed scrapes, at most ten. */
  readonly reasons: readonly string[]
  /** Answers of /sd with status 200 and fewer targets than there are. */
  readonly shortLists: number
  readonly lists: number
  /** Slowest scrape that succeeded, ms. */
  readonly slowestMs: number
  /** From `begin` until the end of the last failed scrape, ms; 0 if none failed. */
  readonly recoveryMs: number
}

export interface ScrapedGroupOptions {
  readonly shards: number
  /** Number of shards that may be started. Default: `shards`. */
  readonly maxShards?: number
  readonly targets?: number
  readonly partitions?: number
  readonly settings?: Partial<ChildSettings>
}

const INTERVAL_MS = 1_000
const TIMEOUT_MS = 5_000
const LISTS_PER_SECOND = 5
const HEALTH_CHECK_MS = 250
const MAX_REDIRECTS = 10

const TICK_MS = 50

/**
 * Time during which this process was running, ms. On a machine with other load a test process may
 * not run for seconds: no shard is to blame for that.
 */
class Ticks {
  #now = 0
  readonly #due = new Set<{ readonly at: number; call(): void }>()

  constructor() {
    setInterval(() => {
      this.#now += TICK_MS
      for (const entry of this.#due) if (entry.at <= this.#now) entry.call()
    }, TICK_MS).unref()
  }

  now(): number {
    return this.#now
  }

  /** @returns a function that cancels the call */
  at(at: number, call: () => void): () => void {
    const entry = { at, call }
    this.#due.add(entry)
    return () => this.#due.delete(entry)
  }
}

const ticks = new Ticks()

interface Answer {
  readonly status: number
  readonly text: string
  /** URL that answered, after redirects. */
  readonly url: string
}

/**
 * A group of shards in processes of their own, whose virtual targets are scraped once a second each
 * with a timeout of 5 s, as a Prometheus server behind a load balancer does: at any shard that
 * passed the last health check, following redirects. Every running shard is asked for /sd five
 * times a second.
 */
export class ScrapedGroup {
  readonly #shards: (ShardChild | undefined)[]
  readonly #ownerOf: (number | undefined)[]
  /** Shards that passed the last health check. */
  readonly #healthy = new Set<ShardChild>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #pending = new Set<Promise<void>>()
  #turn = 0
  #begun = performance.now()
  /** Owners at the time of `begin`. */
  #blamed: readonly (number | undefined)[] = []
  #scrapes = 0
  #failed: Record<number, number> = {}
  #reasons = new Set<string>()
  #shortLists = 0
  #lists = 0
  #slowestMs = 0
  #lastFailureAt = 0

  private constructor(
    private readonly settings: ChildSettings,
    private readonly ports: readonly number[],
    private readonly fleet: Fleet,
  ) {
    this.#shards = ports.map(() => undefined)
    this.#ownerOf = fleet.apps.map(() => undefined)
  }

  /** Resolves when every target is served. The scrapes have begun. */
  static async start(options: ScrapedGroupOptions): Promise<ScrapedGroup> {
    const { shards, targets = 300, partitions = 12 } = options
    const settings: ChildSettings = {
      topic: await newTopic(partitions),
      group: name('scraped'),
      // The defaults of the program.
      sessionTimeout: 20_000,
      heartbeatInterval: 2_000,
      ...options.settings,
    }
    const fleet = new Fleet(settings.topic, targets)
    await fleet.publish()
    const ports = await freePorts(options.maxShards ?? shards)
    const group = new ScrapedGroup(settings, ports, fleet)
    fleet.run(3_000)
    try {
      for (let i = 0; i < shards; i++) await group.startShard(i)
      await group.ready()
      group.#scrape()
      await eventually(() => {
        if (group.#ownerOf.includes(undefined)) throw new Error('not all targets are served')
      })
    } catch (error) {
      await group.stop()
      throw error
    }
    return group
  }

  async startShard(index: number): Promise<void> {
    this.#shards[index] = await ShardChild.start({ ...this.settings, port: this.ports[index] })
  }

  shard(index: number): ShardChild {
    return this.#shards[index]!
  }

  /** Ends a shard without checking anything. @returns its exit code */
  async end(index: number, signal: NodeJS.Signals): Promise<number | null> {
    const shard = this.#shards[index]!
    shard.signal(signal)
    return shard.exited
  }

  /** Resolves when all running shards are ready. */
  async ready(): Promise<void> {
    await eventually(async () => {
      const running = this.#running()
      if (running.length === 0) throw new Error('no shard is running')
      for (const shard of running) {
        const { status, text } = await send(`${shard.url}/-/ready`)
        if (status !== 200) throw new Error(`${shard.url} is not ready: ${text}`)
      }
    }, 60_000)
  }

  /** Resolves when each running shard serves targets, and none fails for so many rounds. */
  async settled(rounds = 2): Promise<void> {
    await this.ready()
    const since = performance.now()
    await eventually(() => {
      const now = performance.now()
      if (now - Math.max(since, this.#lastFailureAt) < rounds * INTERVAL_MS)
        throw new Error(`scrapes fail: ${[...this.#reasons].join('; ')}`)
    }, 60_000)
  }

  /** Begins a report. */
  begin(): void {
    this.#begun = performance.now()
    this.#blamed = [...this.#ownerOf]
    this.#scrapes = 0
    this.#failed = {}
    this.#reasons = new Set()
    this.#shortLists = 0
    this.#lists = 0
    this.#slowestMs = 0
    this.#lastFailureAt = 0
  }

  report(): ScrapeReport {
    return {
      scrapes: this.#scrapes,
      failed: this.#failed,
      reasons: [...this.#reasons],
      shortLists: this.#shortLists,
      lists: this.#lists,
      slowestMs: Math.round(this.#slowestMs),
      recoveryMs: this.#lastFailureAt ? Math.round(this.#lastFailureAt - this.#begun) : 0,
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.#pending)
    await this.fleet.stop()
    await Promise.all(this.#running().map(shard => shard.end('SIGKILL')))
  }

  #scrape(): void {
    const { apps } = this.fleet
    for (const index of apps.keys()) {
      // Spread over the interval.
      const timer = setTimeout(
        () => {
          const repeat = () => this.#track(this.#scrapeTarget(index))
          this.#timers.push(setInterval(repeat, INTERVAL_MS))
          repeat()
        },
        (index / apps.length) * INTERVAL_MS,
      )
      this.#timers.push(timer)
    }
    const ask = () => {
      for (const shard of this.#running()) this.#track(this.#askForList(shard))
    }
    this.#timers.push(setInterval(ask, INTERVAL_MS / LISTS_PER_SECOND))
    const check = () => {
      for (const shard of this.#running()) this.#track(this.#checkHealth(shard))
    }
    this.#timers.push(setInterval(check, HEALTH_CHECK_MS))
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work)
    work.finally(() => this.#pending.delete(work))
  }

  async #scrapeTarget(index: number): Promise<void> {
    const begun = this.#begun
    const sent = performance.now()
    const blamed = this.#blamed[index] ?? this.#ownerOf[index] ?? -1
    const answer = await this.#get(targetPath(this.fleet.apps[index]!)).catch(
      (error: Error & { url: string }): Answer => ({
        status: 0,
        text: error.message,
        url: error.url,
      }),
    )
    const owner = this.#shards.findIndex(shard => shard && answer.url.startsWith(shard.url))
    if (answer.status === 200) this.#ownerOf[index] = owner
    if (begun !== this.#begun) return
    this.#scrapes++
    const now = performance.now()
    if (answer.status === 200) {
      this.#slowestMs = Math.max(this.#slowestMs, now - sent)
      return
    }
    const failed = answer.status === 0 ? owner : blamed
    this.#failed[failed] = (this.#failed[failed] ?? 0) + 1
    this.#lastFailureAt = now
    if (this.#reasons.size < 10) this.#reasons.add(`${answer.status} ${answer.text.trim()}`)
  }

  async #checkHealth(shard: ShardChild): Promise<void> {
    const answer = await send(`${shard.url}/-/ready`).catch(() => undefined)
    if (answer?.status === 200) this.#healthy.add(shard)
    else this.#healthy.delete(shard)
  }

  async #askForList(shard: ShardChild): Promise<void> {
    const begun = this.#begun
    const answer = await send(`${shard.url}/sd`).catch(() => undefined)
    if (begun !== this.#begun || answer?.status !== 200) return
    this.#lists++
    const listed = (JSON.parse(answer.text) as { targets: unknown[] }[]).length
    if (listed < this.fleet.apps.length) this.#shortLists++
  }

  /** As a load balancer does: a shard that does not accept the connection is skipped. */
  async #get(path: string): Promise<Answer> {
    const healthy = this.#running().filter(shard => this.#healthy.has(shard))
    const running = healthy.length > 0 ? healthy : this.#running()
    if (running.length === 0) throw Object.assign(new Error('no shard is running'), { url: '' })
    const first = this.#turn++
    for (let i = 0; ; i++) {
      const url = running[(first + i) % running.length]!.url + path
      try {
        return await follow(url)
      } catch (error) {
        const { syscall, url: failed } = error as NodeJS.ErrnoException & { url?: string }
        if (syscall !== 'connect' || failed !== url || i + 1 >= running.length) throw error
      }
    }
  }

  #running(): ShardChild[] {
    return this.#shards.filter(shard => shard?.running) as ShardChild[]
  }
}

/** @throws Error with the `url` that failed */
async function follow(url: string): Promise<Answer> {
  const deadline = ticks.now() + TIMEOUT_MS
  for (let i = 0; i <= MAX_REDIRECTS; i++) {
    const answer = await send(url, deadline)
    if (answer.status !== 307) return answer
    url = answer.location!
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`)
}

/**
 * Sends a request on a connection of its own, so that no closed one is reused.
 *
 * @param deadline time of `ticks`
 */
function send(
  url: string,
  deadline = ticks.now() + TIMEOUT_MS,
): Promise<Answer & { location?: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      cancel()
      reject(Object.assign(error, { url }))
    }
    const headers = { 'x-prometheus-scrape-timeout-seconds': String(TIMEOUT_MS / 1000) }
    const sent = request(url, { agent: false, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.once('error', fail)
      response.once('end', () => {
        cancel()
        const status = response.statusCode!
        const { location } = response.headers
        resolve({ status, location, text: Buffer.concat(chunks).toString(), url })
      })
    })
    const cancel = ticks.at(deadline, () => sent.destroy(new Error('timeout')))
    sent.once('error', fail)
    sent.end()
  })
}
