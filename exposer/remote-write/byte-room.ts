/**
 * Bounds the bytes of what waits for a receiver: a queue counts samples, whose labels may be long.
 * What is taken may exceed the bound by one record of each partition.
 */
export class ByteRoom {
  #used = 0
  #waiters: (() => void)[] = []

  constructor(private readonly maxBytes: number) {}

  get used(): number {
    return this.#used
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    if (this.isFree) this.wake()
  }

  /** Lets those who wait look again whether they still have to. */
  wake(): void {
    for (const wake of this.#waiters.splice(0)) wake()
  }

  get isFree(): boolean {
    return this.#used < this.maxBytes
  }

  /** Resolves when less than the maximum is taken, or it is no longer waited for. */
  async untilFree(isGivenUp: () => boolean): Promise<void> {
    while (!this.isFree && !isGivenUp())
      await new Promise<void>(resolve => this.#waiters.push(resolve))
  }
}
