interface Entry<T> {
  readonly time: number
  readonly item: T
}

/**
 * What is due next, as a binary heap. An item is in it once: when its time has come, the caller
 * says whether it has moved.
 */
export class ExpiryQueue<T> {
  readonly #heap: Entry<T>[] = []

  get size(): number {
    return this.#heap.length
  }

  add(time: number, item: T): void {
    const heap = this.#heap
    let at = heap.length
    heap.push({ time, item })
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent].time <= heap[at].time) break
      ;[heap[parent], heap[at]] = [heap[at], heap[parent]]
      at = parent
    }
  }

  /** Removes and returns an item whose time is at most `now`; undefined if there is none. */
  next(now: number): T | undefined {
    const heap = this.#heap
    if (heap.length === 0 || heap[0].time > now) return undefined
    const { item } = heap[0]
    const last = heap.pop()!
    if (heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return item
  }

  #sink(): void {
    const heap = this.#heap
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      if (left >= heap.length) return
      const right = left + 1
      const child = right < heap.length && heap[right].time < heap[left].time ? right : left
      if (heap[at].time <= heap[child].time) return
      ;[heap[at], heap[child]] = [heap[child], heap[at]]
      at = child
    }
  }
}
