/** Memory of all mirrors of a gateway. Each owner of some reports what it holds. */
export class MemoryBudget {
  #bytes = 0

  /** @param limit bytes that are left for mirrors, read at each question */
  constructor(private readonly limit: () => number) {}

  get bytes(): number {
    return this.#bytes
  }

  /** Whether something new of this size has room. What is held already may always change. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.limit()
  }

  /** @param bytes negative when memory is released */
  change(bytes: number): void {
    this.#bytes += bytes
  }
}
