/**
 * A fixed number of things that one request at a time can use; others wait for one, in order. It
 * bounds the memory that they need.
 */
export class Pool<T> {
  readonly #free: T[]
  readonly #waiting: ((item: T) => void)[] = []

  constructor(items: readonly T[]) {
    this.#free = [...items]
  }

  async use<R>(work: (item: T) => Promise<R>): Promise<R> {
    const item = this.#free.pop() ?? (await new Promise<T>(resolve => this.#waiting.push(resolve)))
    try {
      return await work(item)
    } finally {
      const next = this.#waiting.shift()
      if (next) next(item)
      else this.#free.push(item)
    }
  }
}
