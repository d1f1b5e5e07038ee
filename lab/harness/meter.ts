import type { Usage } from './usage.js'

interface Measurable {
  usage(): Usage
}

export interface Metered {
  /** Of all processes of that name while it was measured. */
  readonly cpuSeconds: number
  /** The same, as a share of one core. */
  readonly cores: number
  /** Of all of them, at the end. */
  readonly rssBytes: number
}

/** What processes take over a span of time, by name. */
export class Meter<Name extends string> {
  readonly #before: Readonly<Record<Name, readonly Usage[]>>
  readonly #began = performance.now()

  constructor(private readonly processes: Readonly<Record<Name, readonly Measurable[]>>) {
    this.#before = this.#read()
  }

  read(): Record<Name, Metered> {
    const seconds = (performance.now() - this.#began) / 1000
    const after = this.#read()
    return this.#each(name => {
      const cpu = (usages: readonly Usage[]) => usages.reduce((sum, one) => sum + one.cpuSeconds, 0)
      const cpuSeconds = cpu(after[name]) - cpu(this.#before[name])
      const rssBytes = after[name].reduce((sum, one) => sum + one.rssBytes, 0)
      return { cpuSeconds, cores: cpuSeconds / seconds, rssBytes }
    })
  }

  #read(): Record<Name, readonly Usage[]> {
    return this.#each(name => this.processes[name].map(one => one.usage()))
  }

  #each<T>(of: (name: Name) => T): Record<Name, T> {
    const names = Object.keys(this.processes) as Name[]
    return Object.fromEntries(names.map(name => [name, of(name)])) as Record<Name, T>
  }
}
