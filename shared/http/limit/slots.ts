/**
 * A number of slots, granted to the clients that wait in turn, and to each client in order of
 * arrival: a client with many requests does not keep another waiting for all of them. Without
 * timers and IO: a caller that waits for a limited time cancels.
 */
export class Slots {
  #used = 0
  /** Callbacks of the waiting by client: clients in order of their turn, their own by arrival. */
  readonly #clients = new Map<string, Set<() => void>>()
  #waiting = 0

  constructor(readonly max: number) {}

  get used(): number {
    return this.#used
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Takes a slot if one is free. A free slot implies that nobody waits. */
  tryAcquire(): boolean {
    if (this.#used >= this.max) return false
    this.#used++
    return true
  }

  /**
   * Waits for a slot. To be called after `tryAcquire` failed.
   *
   * @param granted called once, when the slot has been taken for the caller
   * @returns cancels the wait; no effect after `granted`
   */
  wait(client: string, granted: () => void): () => void {
    const waiter = () => granted()
    const own = this.#clients.get(client)
    if (own) own.add(waiter)
    else this.#clients.set(client, new Set([waiter]))
    this.#waiting++
    return () => this.#remove(client, waiter)
  }

  /** Gives a slot back, or on to the client whose turn it is. */
  release(): void {
    const [next] = this.#clients
    if (!next) {
      this.#used--
      return
    }
    const [client, own] = next
    const [first] = own
    this.#remove(client, first)
    // Its other requests wait until all other clients have had a turn.
    if (own.size > 0) {
      this.#clients.delete(client)
      this.#clients.set(client, own)
    }
    first()
  }

  #remove(client: string, waiter: () => void): void {
    const own = this.#clients.get(client)
    if (!own?.delete(waiter)) return
    this.#waiting--
    if (own.size === 0) this.#clients.delete(client)
  }
}
