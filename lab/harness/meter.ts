import type { Usage } from './usage.js'

interface MeasuredProcess {
  usage(): Usage
}

export interface ResourceUsage {
  /** CPU seconds since the meter was created, summed over the processes of the name. */
  readonly cpuSeconds: number
  /** The same divided by the elapsed time. */
  readonly cores: number
  /** Resident memory at the time of reading, summed over the processes of the name. */
  readonly rssBytes: number
}

/** Measures the CPU and memory of groups of processes from its creation on. */
export class Meter<Name extends string> {
  readonly #initial: Readonly<Record<Name, readonly Usage[]>>
  readonly #start = performance.now()

  constructor(private readonly processes: Readonly<Record<Name, readonly MeasuredProcess[]>>) {
    this.#initial = this.#readAll()
  }

  read(): Record<Name, ResourceUsage> {
    const seconds = (performance.now() - this.#start) / 1000
    const current = this.#readAll()
    const sum = (usages: readonly Usage[], field: keyof Usage) =>
      usages.reduce((total, usage) => total + usage[field], 0)
    return this.#mapNames(name => {
      const cpuSeconds = sum(current[name], 'cpuSeconds') - sum(this.#initial[name], 'cpuSeconds')
      return { cpuSeconds, cores: cpuSeconds / seconds, rssBytes: sum(current[name], 'rssBytes') }
    })
  }

  #readAll(): Record<Name, readonly Usage[]> {
    return this.#mapNames(name => this.processes[name].map(process => process.usage()))
  }

  #mapNames<T>(compute: (name: Name) => T): Record<Name, T> {
    const names = Object.keys(this.processes) as Name[]
    return Object.fromEntries(names.map(name => [name, compute(name)])) as Record<Name, T>
  }
}
