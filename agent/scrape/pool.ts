import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '../../shared/base/logger.js'
import type { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import { runInSlices, type Steps } from '../../shared/base/steps.js'
import type { HttpClient } from '../../shared/http/client/types.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'
import type { RunningTarget } from '../targets/running-target.js'
import type { Targets } from '../targets/targets.js'
import type { ScrapeJob } from './config/job.js'
import type { Discovery } from './discovery/discovery.js'
import { InheritedGroups, type LastGroups } from './discovery/inherited-groups.js'
import { DiscoveryProblems } from './discovery/problems.js'
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
  readonly warnings: RepeatedWarnings
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
  readonly #inherited: InheritedGroups
  readonly #problems: DiscoveryProblems
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
    this.#inherited = new InheritedGroups(this.#discoveries, predecessor?.lastGroups)
    this.#problems = new DiscoveryProblems(options.logger, options.warnings, job.name)
  }

  /** The last groups of each discovery, for a successor. */
  get lastGroups(): LastGroups {
    return this.#inherited.lastGroups()
  }

  /** Targets that are scraped, those of the predecessor included. */
  *active(): Iterable<PoolTarget> {
    if (this.predecessor) yield* this.predecessor.active()
    yield* this.#active.values()
  }

  get size(): number {
    return this.#active.size + (this.predecessor?.size ?? 0)
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

  /** Problems of discovery, one line each. */
  get problems(): readonly string[] {
    return this.#discoveries.flatMap(({ problems }) => problems)
  }

  /** Number of discoveries whose last refresh failed. */
  get failingDiscoveries(): number {
    return this.#discoveries.filter(({ problems }) => problems.length > 0).length
  }

  get discoveryFailures(): number {
    return this.#discoveries.reduce((sum, { failures }) => sum + failures, 0)
  }

  start(): void {
    for (const discovery of this.#discoveries) {
      discovery.start(() => {
        this.#problems.report(discovery)
        this.#requestSync()
      })
    }
    // Known groups get the new configuration before their discovery has answered.
    this.#requestSync()
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
    const groups = this.#inherited.groups()
    // A discovery that has not answered: its targets would seem to have left.
    if (!groups) return
    const { found, invalid, ...dropped } = yield* findTargetsSteps(groups, this.job)
    if (this.#isStopped) return
    this.#dropped = dropped.dropped
    this.#droppedCount = dropped.droppedCount
    let count = 0
    for (const [identity, entry] of this.#active) {
      if (++count % TARGETS_PER_STEP === 0) yield
      if (this.#isStopped) return
      if (found.has(identity)) continue
      this.#active.delete(identity)
      this.#end(entry)
    }
    yield* this.#takeOverSteps(found)
    for (const [identity, target] of found) {
      if (++count % TARGETS_PER_STEP === 0) yield
      if (this.#isStopped) return
      const problem = this.#add(identity, target)
      if (problem !== undefined) invalid.push(`${target.url}: ${problem}`)
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
  *#takeOverSteps(found: ReadonlyMap<string, ScrapeTarget>): Steps<void> {
    const { predecessor } = this
    if (!predecessor) return
    const keys = new Set<string>()
    for (const target of found.values()) {
      keys.add(keyOf(this.#labelsOf(target)))
      if (keys.size % TARGETS_PER_STEP === 0) yield
    }
    let count = 0
    // A predecessor that never found its targets has one itself.
    for (let pool: Pool | undefined = predecessor; pool; pool = pool.predecessor) {
      pool.#stopDiscovery()
      for (const [identity, entry] of pool.#active) {
        if (++count % TARGETS_PER_STEP === 0) yield
        // This pool has ended, and the rest of its predecessor with it.
        if (this.#isStopped) return
        pool.#active.delete(identity)
        if (keys.delete(keyOf(entry.running.options.labels))) {
          this.options.targets.replace(entry.running)
          entry.collector.leave()
        } else {
          this.#end(entry)
        }
      }
    }
    this.predecessor = undefined
    predecessor.end()
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
