/** A list of integers that grows. */
export class IntList {
  length = 0
  #items = new Int32Array(64)

  push(item: number): void {
    if (this.length === this.#items.length) {
      const larger = new Int32Array(2 * this.length)
      larger.set(this.#items)
      this.#items = larger
    }
    this.#items[this.length++] = item
  }

  toArray(): Int32Array {
    return this.#items.slice(0, this.length)
  }
}
