/**
 * Measures every turn of this process's event loop. A slice is what a turn took, by the wall clock or by the CPU that the
 * process used meanwhile, whichever is less: the one counts the time when others had the processor, the other the work of other
 * threads, so the lesser is at least what the turn itself needed, and exact to microseconds.
 */
export class LoopWatch {
  #slices: number[] = []
  #watching = false

  start(): void {
    this.#slices = []
    this.#watching = true
    let wall = performance.now()
    let cpu = process.cpuUsage()
    const turn = () => {
      const { user, system } = process.cpuUsage(cpu)
      const slice = Math.min(performance.now() - wall, (user + system) / 1000)
      if (slice > 0.5) this.#slices.push(slice)
      if (!this.#watching) return
      wall = performance.now()
      cpu = process.cpuUsage()
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  stop(): void {
    this.#watching = false
  }

  /** Milliseconds. */
  get longest(): number[] {
    return this.#slices.sort((a, b) => b - a).slice(0, 6)
  }
}
