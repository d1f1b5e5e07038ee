/** Stop functions of everything that was started, called in reverse order. */
export class Scope {
  readonly #stops: (() => Promise<void> | void)[] = []

  defer(stop: () => Promise<void> | void): void {
    this.#stops.push(stop)
  }

  /**
   * Calls every stop function, also if one of them fails.
   *
   * @throws the first failure
   */
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
