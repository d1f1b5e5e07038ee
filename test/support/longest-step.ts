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
    let step = this.#measure(() => steps.next())
    while (!step.done) {
      let result: Buffer | undefined
      try {
        result = step.value?.run()
      } catch (error) {
        step = this.#measure(() => steps.throw(error))
        continue
      }
      step = this.#measure(() => steps.next(result))
    }
    return step.value
  }

  #measure<T>(work: () => T): T {
    const { result, ms } = timeOf(work)
    const { [this.#next]: before = Number.POSITIVE_INFINITY } = this.#times
    this.#times[this.#next++] = Math.min(before, ms)
    return result
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
