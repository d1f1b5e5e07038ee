import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '../../shared/base/logger.js'
import { runInSlices, type Steps } from '../../shared/base/steps.js'
import type { HttpClient } from '../../shared/http/client/types.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'
import type { RunningTarget } from '../targets/running-target.js'
import type { Targets } from '../targets/targets.js'
import type { ScrapeJob } from './config/job.js'
import type { Discovery } from './discovery/discovery.js'
import { findTargetsSteps } from './find-targets.js'
import type { ScrapeTarget } from './target/address.js'
import { TargetCollector } from './target/collector.js'
import type { ScrapeMemory } from './target/memory.js'
import { publishInterval } from './target/publish-interval.js'
import { Scraper } from './target/scraper.js'

/** A target of a pool. */
export interface PoolTarget {
  readonly target: ScrapeTarget
  readonly collector: TargetCollector
  readonly running: RunningTarget
}

export interface PoolOptions {
  readonly targets: Targets
  readonly memory: ScrapeMemory
  readonly logger: Logger
  /** Maximum size of a body, also where the configuration has no limit. */
  readonly maxBodyBytes: number
  /** Added to the labels of targets that do not have them. */
  readonly externalLabels: Readonly<Record<string, string>>
  /** The targets end with this program. Collect them at once. */
  readonly isSidecar: boolean
  readonly createClient: (job: ScrapeJob) => HttpClient
  readonly createDiscoveries: (job: ScrapeJob) => readonly Discovery[]
}

/** Targets that are logged because they cannot be scraped. */
const MAX_LOGGED = 10
const TARGETS_PER_STEP = 20

/** The targets of one scrape configuration. */
export class Pool {
  readonly #discoveries: readonly Discovery[]
  readonly #client: HttpClient
  readonly #active = new Map<string, PoolTarget>()
  #dropped: readonly Readonly<Record<string, string>>[] = []
  #droppedCount = 0
  #invalid: string[] = []
  #refusal: string | undefined
  #syncs = 0
  #isSyncing = false
  #isOutdated = false
  #isStopped = false

  /** @param predecessor the pool of the same job with another configuration, to be replaced */
  constructor(
    readonly job: ScrapeJob,
    private readonly options: PoolOptions,
    private predecessor?: Pool,
  ) {
    this.#client = options.createClient(job)
    this.#discoveries = options.createDiscoveries(job)
  }

  get active(): Iterable<PoolTarget> {
    return this.#active.values()
  }

  get size(): number {
    return this.#active.size
  }

  /** Discovered labels of targets that a rule dropped. */
  get dropped(): readonly Readonly<Record<string, string>>[] {
    return this.#dropped
  }

  get droppedCount(): number {
    return this.#droppedCount
  }

  /** Why targets cannot be scraped or published. */
  get invalid(): readonly string[] {
    return this.#invalid
  }

  get syncs(): number {
    return this.#syncs
  }

  /** Problems of discovery. */
  get problems(): readonly string[] {
    return this.#discoveries.flatMap(({ problem }) => problem ?? [])
  }

  get discoveryFailures(): number {
    return this.#discoveries.reduce((sum, { failures }) => sum + failures, 0)
  }

  start(): void {
    for (const discovery of this.#discoveries) discovery.start(() => this.#requestSync())
    if (this.#discoveries.length === 0) this.#requestSync()
  }

  /** Stops discovery; the targets go on until they are replaced or ended. */
  #stopDiscovery(): void {
    this.#isStopped = true
    for (const discovery of this.#discoveries) discovery.stop()
  }

  /** Ends the runs of all targets: the configuration does not have the job any more. */
  end(): void {
    this.#stopDiscovery()
    this.predecessor?.end()
    for (const { collector, running } of this.#active.values()) {
      collector.leave()
      this.options.targets.end(running)
    }
    this.#active.clear()
    this.#client.close()
  }

  /** Finds no more targets. They are stopped by their owner. */
  stop(): void {
    this.#stopDiscovery()
    this.predecessor?.stop()
  }

  /** Closes the connections, after `stop`. */
  close(): void {
    this.predecessor?.close()
    this.#client.close()
  }

  /** One synchronization at a time; changes during one lead to another. */
  #requestSync(): void {
    this.#isOutdated = true
    if (this.#isSyncing) return
    this.#isSyncing = true
    void (async () => {
      try {
        while (this.#isOutdated && !this.#isStopped) {
          this.#isOutdated = false
          await runInSlices(this.#syncSteps())
        }
      } catch (error) {
        // A discovered target must not end the program. The next change leads to another attempt.
        this.options.logger.error('Failed to update targets', { job: this.job.name, error })
      } finally {
        this.#isSyncing = false
      }
    })()
  }

  *#syncSteps(): Steps<void> {
    // Until all discoveries have succeeded, targets of the predecessor could seem to have left.
    const pending = this.#discoveries.some(({ groups, problem }) => !groups || problem)
    if (pending && this.predecessor) return
    const groups = this.#discoveries.flatMap(discovery => discovery.groups ?? [])
    const { found, invalid, ...dropped } = yield* findTargetsSteps(groups, this.job)
    if (this.#isStopped) return
    this.#dropped = dropped.dropped
    this.#droppedCount = dropped.droppedCount
    for (const [identity, entry] of this.#active) {
      if (found.has(identity)) continue
      this.#active.delete(identity)
      this.#end(entry)
    }
    this.#takeOver(found)
    let added = 0
    for (const [identity, target] of found) {
      if (this.#isStopped) return
      const problem = this.#add(identity, target)
      if (problem !== undefined) invalid.push(`${target.url}: ${problem}`)
      if (++added % TARGETS_PER_STEP === 0) yield
    }
    const { targetLimit } = this.job
    this.#refusal =
      targetLimit > 0 && this.#active.size > targetLimit
        ? `target_limit exceeded (number of targets: ${this.#active.size}, limit: ${targetLimit})`
        : undefined
    this.#report(invalid)
    this.#syncs++
  }

  #report(invalid: string[]): void {
    if (isDeepStrictEqual(invalid, this.#invalid)) return
    this.#invalid = invalid
    for (const reason of invalid.slice(0, MAX_LOGGED))
      this.options.logger.error('Creating target failed', { job: this.job.name, reason })
  }

  /** Replaces the targets of the predecessor: those with the same labels go on without an end. */
  #takeOver(found: ReadonlyMap<string, ScrapeTarget>): void {
    const { predecessor } = this
    if (!predecessor) return
    this.predecessor = undefined
    predecessor.#stopDiscovery()
    const keys = new Set([...found.values()].map(target => keyOf(this.#labelsOf(target))))
    for (const entry of predecessor.#active.values()) {
      if (keys.has(keyOf(entry.running.options.labels))) {
        this.options.targets.replace(entry.running)
        entry.collector.leave()
      } else {
        predecessor.#end(entry)
      }
    }
    predecessor.#active.clear()
    predecessor.#client.close()
  }

  #end({ collector, running }: PoolTarget): void {
    collector.leave()
    this.options.targets.end(running)
  }

  /** @returns why the target cannot be published, or undefined */
  #add(identity: string, target: ScrapeTarget): string | undefined {
    if (this.#active.has(identity)) return undefined
    const { targets, memory, isSidecar, maxBodyBytes } = this.options
    const collector = new TargetCollector(
      target,
      this.job,
      new Scraper(target, this.job, this.#client, maxBodyBytes),
      memory,
      () => this.#refusal,
    )
    const running = targets.add({
      labels: this.#labelsOf(target),
      intervalMs: publishInterval(target.intervalMs).intervalMs,
      collector,
      immediate: isSidecar,
      endsWithProgram: isSidecar,
    })
    if (typeof running === 'string') return running
    this.#active.set(identity, { target, collector, running })
    return undefined
  }

  /** The labels of the record: remote write adds external labels only where there are none. */
  #labelsOf({ labels }: ScrapeTarget): readonly Label[] {
    const names = new Set(labels.map(({ name }) => name))
    const external = Object.entries(this.options.externalLabels)
      .filter(([name, value]) => value !== '' && !names.has(name))
      .map(([name, value]) => ({ name, value }))
    return external.length === 0 ? labels : sortLabels([...labels, ...external])
  }
}

const keyOf = (labels: readonly Label[]) => JSON.stringify(labels)
