import { openSync, readSync } from 'node:fs'

/**
 * Measures every turn of the event loop of this process. The slice of a turn is the lesser of its
 * wall time, which includes time without the processor, and the CPU time of the process, which
 * includes other threads. It is an upper bound of the CPU time of the turn itself.
 */
export class LoopWatch {
  #slices: number[] = []
  #watching = false
  /** Of this turn: what is not to be counted. */
  #excluded = 0

  start(): void {
    this.#slices = []
    this.#watching = true
    this.#excluded = 0
    let begun = threadMs()
    const turn = () => {
      const slice = threadMs() - begun - this.#excluded
      this.#excluded = 0
      if (slice > 0.5) this.#slices.push(slice)
      if (!this.#watching) return
      begun = threadMs()
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  stop(): void {
    this.#watching = false
  }

  /** Does work that is not to be counted, all of it in one turn. */
  async excluding<T>(work: () => Promise<T>): Promise<T> {
    const begun = threadMs()
    const result = await work()
    this.#excluded += threadMs() - begun
    return result
  }

  /** Milliseconds. */
  get longest(): number[] {
    return this.#slices.sort((a, b) => b - a).slice(0, 6)
  }
}

const asleep = new Int32Array(new SharedArrayBuffer(4))
const schedstat = process.platform === 'linux' ? openSync('/proc/self/schedstat', 'r') : null
const text = Buffer.alloc(64)

/** CPU time of the main thread, ms. Where the kernel does not tell it, that of the process. */
function threadMs(): number {
  if (schedstat === null) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  // The kernel brings its account up to date when the thread sleeps.
  Atomics.wait(asleep, 0, 0, 0.001)
  readSync(schedstat, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, text.indexOf(0x20))) / 1e6
}
