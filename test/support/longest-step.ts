import type { Steps } from '../../shared/base/steps.js'

/** CPU time of this process, ms. Other processes do not count, other threads of this one do. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Time of one piece of work, ms. On a busy machine the wall time is too long, and the CPU time
 * includes the threads of the garbage collector and the compiler: the lower one counts.
 */
function timeOf<T>(work: () => T): { readonly result: T; readonly ms: number } {
  const start = performance.now()
  const cpu = cpuMs()
  const result = work()
  return { result, ms: Math.min(performance.now() - start, cpuMs() - cpu) }
}

/**
 * The longest step of some work that is repeated. The n-th step of each repetition does the same,
 * and its fastest repetition counts: compiling and garbage collection hit another step each time.
 */
export class LongestSteps {
  readonly #times: number[] = []
  #next = 0

  /** Begins a repetition. */
  restart(): void {
    this.#next = 0
  }

  /** Runs and measures steps. Jobs, which belong on other threads, do not count. */
  run<T>(steps: Steps<T>): T {
    let job: Buffer | undefined
    for (;;) {
      const { result: step, ms } = timeOf(() => steps.next(job))
      this.#times[this.#next] = Math.min(this.#times[this.#next] ?? Number.POSITIVE_INFINITY, ms)
      this.#next++
      if (step.done) return step.value
      job = step.value?.run()
    }
  }

  /** The times of the longest steps with their numbers, for messages. */
  get longest(): string {
    const sorted = [...this.#times.entries()].sort(([, a], [, b]) => b - a)
    return sorted
      .slice(0, 5)
      .map(([step, ms]) => `${step}: ${ms.toFixed(1)}`)
      .join(', ')
  }

  /** The longest step, ms. */
  get ms(): number {
    return Math.max(0, ...this.#times)
  }
}
