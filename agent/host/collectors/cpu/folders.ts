import { family, type HostFiles, optional, type SampleSink } from '../../collector.js'
import { count, cpuList } from '../../parse.js'

const ROOT = 'devices/system/cpu'

const CORE_THROTTLES = family(
  'node_cpu_core_throttles_total',
  'counter',
  'Number of times this CPU core has been throttled.',
  ['package', 'core'],
)
const PACKAGE_THROTTLES = family(
  'node_cpu_package_throttles_total',
  'counter',
  'Number of times this CPU package has been throttled.',
  ['package'],
)
const ISOLATED = family(
  'node_cpu_isolated',
  'gauge',
  'Whether each core is isolated, information from /sys/devices/system/cpu/isolated.',
  ['cpu'],
)
const ONLINE = family('node_cpu_online', 'gauge', 'CPUs that are online and being scheduled.', [
  'cpu',
])

interface ThrottleFile {
  readonly path: string
  readonly package: string
  /** Null for the file of a package. */
  readonly core: string | null
}

/**
 * What /sys/devices/system/cpu tells. Which of its files are there depends on the CPUs that are
 * online, so that they are looked for only when those have changed.
 */
export class CpuFolders {
  #online: string | null = null
  #numbers: readonly string[] = []
  #throttles: readonly ThrottleFile[] = []
  /** Whether CPUs can be switched off. */
  #switchable = false
  /** Set when the kernel starts. */
  #isolated: readonly number[] = []

  /** @param online identifies the set of CPUs that are online */
  collect(files: HostFiles, online: string, sink: SampleSink): void {
    if (this.#online !== online) {
      this.#find(files)
      this.#online = online
    }
    for (const { path, package: processor, core } of this.#throttles) {
      const throttles = number(files, path)
      if (throttles === null) continue
      if (core === null) sink.put(PACKAGE_THROTTLES, throttles, processor)
      else sink.put(CORE_THROTTLES, throttles, processor, core)
    }
    for (const cpu of this.#isolated) sink.put(ISOLATED, 1, String(cpu))
    if (!this.#switchable) return
    const path = `${ROOT}/online`
    const running = new Set(cpuList(`/sys/${path}`, files.sys(path)).map(String))
    for (const cpu of this.#numbers) sink.put(ONLINE, running.has(cpu) ? 1 : 0, cpu)
  }

  #find(files: HostFiles): void {
    const folders = files.sysFolder(ROOT).filter(name => /^cpu[0-9]{1,9}$/.test(name))
    this.#numbers = folders.map(name => name.slice('cpu'.length))
    this.#switchable = optional(() => files.sys(`${ROOT}/${folders[0]}/online`)) !== null
    const isolated = optional(() => files.sys(`${ROOT}/isolated`))
    this.#isolated = isolated === null ? [] : cpuList(`/sys/${ROOT}/isolated`, isolated)
    this.#throttles = throttleFiles(files, folders)
  }
}

/** One file per core and one per package: their CPUs share a counter. */
function throttleFiles(files: HostFiles, folders: readonly string[]): ThrottleFile[] {
  const found = new Map<string, ThrottleFile>()
  for (const folder of folders) {
    const processor = number(files, `${ROOT}/${folder}/topology/physical_package_id`)
    const core = number(files, `${ROOT}/${folder}/topology/core_id`)
    if (processor === null || core === null) continue
    const add = (file: string, core: string | null) => {
      const path = `${ROOT}/${folder}/thermal_throttle/${file}`
      const key = `${processor} ${core}`
      if (!found.has(key) && number(files, path) !== null)
        found.set(key, { path, package: String(processor), core })
    }
    add('core_throttle_count', String(core))
    add('package_throttle_count', null)
  }
  return [...found.values()]
}

/** The number in a file, or null if there is none. */
function number(files: HostFiles, path: string): number | null {
  const text = optional(() => files.sys(path))?.trimEnd()
  return text && /^[0-9]+$/.test(text) ? count(`/sys/${path}`, text) : null
}
