import { statfs } from 'node:fs/promises'
import { machine, release, type, version } from 'node:os'
import { join } from 'node:path'
import { Slice } from '../../shared/base/scheduling.js'
import type { Exposition } from '../../shared/metrics/model.js'
import {
  COLLECTOR_NAMES,
  type Collector,
  type CollectorName,
  family,
  type HostFiles,
  type SystemFacts,
} from './collector.js'
import { cpu } from './collectors/cpu.js'
import { diskstats } from './collectors/diskstats.js'
import { MountStatistics, type Statfs } from './collectors/filesystem/statistics.js'
import { mountsIn, putFilesystems } from './collectors/filesystem.js'
import { loadavg } from './collectors/loadavg.js'
import { meminfo } from './collectors/meminfo.js'
import { netdev } from './collectors/netdev.js'
import { pressure } from './collectors/pressure.js'
import { stat } from './collectors/stat.js'
import { time } from './collectors/time.js'
import { uname } from './collectors/uname.js'
import { vmstat } from './collectors/vmstat.js'
import { ExpositionBuilder } from './exposition.js'
import { KernelFiles } from './files.js'
import { CollectorSamples } from './samples.js'

export { COLLECTOR_DEFAULTS, COLLECTOR_NAMES, type CollectorName } from './collector.js'

const DURATION = family(
  'node_scrape_collector_duration_seconds',
  'gauge',
  'node_exporter: Duration of a collector scrape.',
  ['collector'],
)
const SUCCESS = family(
  'node_scrape_collector_success',
  'gauge',
  'node_exporter: Whether a collector succeeded.',
  ['collector'],
)
const BUILD_INFO = family(
  'agent_build_info',
  'gauge',
  "A metric with a constant '1' value labeled by the versions of kafka-exposer and Node.js.",
  ['version', 'nodeversion'],
)

/** Time after which a mount is given up, as in node_exporter, ms. */
const MOUNT_TIMEOUT_MS = 5000

export interface HostOptions {
  readonly collectors: Readonly<Record<CollectorName, boolean>>
  /** Where `/proc` of the host is mounted. */
  readonly procPath?: string
  readonly sysPath?: string
  /** Where the root of the host is mounted, for statistics of its filesystems. */
  readonly rootfsPath?: string
  /** The database of udev, for the models and serial numbers of disks. */
  readonly udevPath?: string
  /** Value of the environment variable TZ, if it is set. */
  readonly timeZone?: string
  /** Version of the agent, for `agent_build_info`. */
  readonly version?: string
}

/** What collectors use of the machine. Tests give other ones. */
export interface Machine {
  readonly files: HostFiles & { nextCollection?(): void }
  readonly facts: SystemFacts
  readonly statfs: Statfs
}

/** Metrics of this machine, with the names, labels and types of node_exporter. */
export interface Host {
  /**
   * One collection at a time. A collector that fails leaves out its own samples, and
   * `node_scrape_collector_success` of it is 0.
   *
   * @param timeoutMs after which filesystems that have not answered are given up
   * @returns the same `families` object while the series are the same
   */
  collect(timeoutMs: number): Promise<Exposition>
  /** Why collectors failed in the last collection, one line each. */
  readonly failures: ReadonlyMap<CollectorName, string>
}

/** @throws Error on other systems than Linux */
export function createHost(options: HostOptions): Host {
  if (process.platform !== 'linux')
    throw new Error(
      `metrics of the host are collected on Linux only, and this is ${process.platform}: ` +
        'run node_exporter or its like, and let the agent scrape it',
    )
  const root = options.rootfsPath ?? '/'
  return new CollectedHost(options, {
    files: new KernelFiles({
      proc: options.procPath ?? '/proc',
      sys: options.sysPath ?? '/sys',
      udev: options.udevPath ?? '/run/udev/data',
    }),
    facts: {
      sysname: type(),
      release: release(),
      version: version(),
      machine: machine(),
      now: Date.now,
      zoneOffset: unixMs => -60 * new Date(unixMs).getTimezoneOffset(),
      // Not from Intl, which takes 7 MiB.
      zoneName: options.timeZone?.replace(/^:/, '') ?? null,
    },
    statfs: mountPoint => statfs(join(root, mountPoint)),
  })
}

/** For tests: `createHost` with another machine. */
export class CollectedHost implements Host {
  readonly failures = new Map<CollectorName, string>()
  readonly #root: string
  readonly #samples: ReadonlyMap<CollectorName, CollectorSamples>
  readonly #synchronous: readonly (readonly [CollectorName, Collector])[]
  readonly #mounts: MountStatistics
  readonly #durations = new Map<CollectorName, number>()
  readonly #own = new CollectorSamples()
  readonly #exposition: ExpositionBuilder
  readonly #version: string | undefined

  constructor(
    { collectors, rootfsPath = '/', version }: HostOptions,
    private readonly machine: Machine,
  ) {
    const enabled = COLLECTOR_NAMES.filter(name => collectors[name])
    this.#root = rootfsPath
    this.#version = version
    this.#samples = new Map(enabled.map(name => [name, new CollectorSamples()]))
    const factories = collectorsOf(machine.facts)
    this.#synchronous = enabled.flatMap(name =>
      name === 'filesystem' ? [] : [[name, factories[name]] as const],
    )
    this.#mounts = new MountStatistics(machine.statfs)
    this.#exposition = new ExpositionBuilder([...this.#samples.values(), this.#own])
  }

  async collect(timeoutMs: number): Promise<Exposition> {
    this.machine.files.nextCollection?.()
    this.failures.clear()
    // Filesystems are asked on other threads, and the rest is read meanwhile.
    const filesystems = this.#samples.has('filesystem') ? this.#filesystems(timeoutMs) : null
    const slice = new Slice()
    for (const [name, collector] of this.#synchronous) {
      const start = performance.now()
      this.#run(name, start, samples => collector(this.machine.files, samples))
      if (slice.isOver()) await slice.next()
    }
    await filesystems
    this.#report()
    return this.#exposition.build()
  }

  async #filesystems(timeoutMs: number): Promise<void> {
    const start = performance.now()
    const { files } = this.machine
    try {
      const mounts = mountsIn(files, this.#root)
      const measured = await this.#mounts.measure(mounts, Math.min(timeoutMs, MOUNT_TIMEOUT_MS))
      this.#run('filesystem', start, samples => putFilesystems(mounts, measured, samples))
    } catch (error) {
      this.#run('filesystem', start, () => {
        throw error
      })
    }
  }

  #run(name: CollectorName, start: number, collect: (samples: CollectorSamples) => void): void {
    const samples = this.#samples.get(name)!
    samples.begin()
    try {
      collect(samples)
      samples.end()
    } catch (error) {
      samples.clear()
      this.failures.set(name, (error as Error).message)
    }
    this.#durations.set(name, (performance.now() - start) / 1000)
  }

  /** In the order of the collectors, not in that in which they ended. */
  #report(): void {
    const own = this.#own
    own.begin()
    if (this.#version !== undefined) own.put(BUILD_INFO, 1, this.#version, process.versions.node)
    for (const name of this.#samples.keys()) {
      own.put(DURATION, this.#durations.get(name)!, name)
      own.put(SUCCESS, this.failures.has(name) ? 0 : 1, name)
    }
    own.end()
  }
}

const collectorsOf = (
  facts: SystemFacts,
): Readonly<Record<Exclude<CollectorName, 'filesystem'>, Collector>> => ({
  cpu: cpu(),
  diskstats,
  loadavg,
  meminfo,
  netdev,
  pressure,
  stat,
  time: time(facts),
  uname: uname(facts),
  vmstat,
})
