/** What was started and has to be stopped, the last first, however the work ends. */
export class Scope {
  readonly #stops: (() => Promise<void> | void)[] = []

  defer(stop: () => Promise<void> | void): void {
    this.#stops.push(stop)
  }

  /** Stops all, also when one of them fails. @throws the first failure */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) {
      try {
        await stop()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
