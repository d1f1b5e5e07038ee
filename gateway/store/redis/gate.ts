/** Runs a limited number of jobs at the same time. The others wait in order. */
export class Gate {
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(private readonly limit: number) {}

  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running >= this.limit) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await job()
    } finally {
      const next = this.#waiting.shift()
      // The place passes to the next job, so that none that comes now is before it.
      if (next) next()
      else this.#running--
    }
  }
}
