import { openSync, readSync } from 'node:fs'

/**
 * Measures every turn of the event loop of this process. The slice of a turn is the CPU time of the
 * main thread in it, so that neither other processes nor other threads count.
 */
export class LoopWatch {
  #slices: number[] = []
  #watching = false
  /** CPU time of this turn that does not count, ms. */
  #excluded = 0

  start(): void {
    this.#slices = []
    this.#watching = true
    this.#excluded = 0
    let start = threadMs()
    const turn = () => {
      const slice = threadMs() - start - this.#excluded
      this.#excluded = 0
      if (slice > 0.5) this.#slices.push(slice)
      if (!this.#watching) return
      start = threadMs()
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  stop(): void {
    this.#watching = false
  }

  /** Runs work that does not count. All of it must run in one turn. */
  async excluding<T>(work: () => Promise<T>): Promise<T> {
    const start = threadMs()
    const result = await work()
    this.#excluded += threadMs() - start
    return result
  }

  /** The longest slices in descending order, milliseconds. */
  get longest(): number[] {
    return this.#slices.sort((a, b) => b - a).slice(0, 6)
  }
}

const asleep = new Int32Array(new SharedArrayBuffer(4))
const schedstat = process.platform === 'linux' ? openSync('/proc/self/schedstat', 'r') : null
const text = Buffer.alloc(64)

/** CPU time of the main thread, ms. On other systems than Linux, that of the process. */
function threadMs(): number {
  if (schedstat === null) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  // The kernel updates the value when the thread sleeps.
  Atomics.wait(asleep, 0, 0, 0.001)
  readSync(schedstat, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, text.indexOf(0x20))) / 1e6
}
