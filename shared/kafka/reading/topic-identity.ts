/**
 * Which topic the name means: after it was deleted and created again it is another one, with another id.
 *
 * Brokers learn of that one after the other, so that one may still tell of the topic that is no more; and brokers before Kafka
 * 2.8 tell no id at all.
 */
export class TopicIdentity {
  #id: string | null = null
  readonly #deleted = new Set<string>()

  /** As the newest broker told it; null while none did. */
  get id(): string | null {
    return this.#id
  }

  /** @param id what a broker tells; null when it tells none */
  observe(id: string | null): 'same' | 'replaced' | 'outdated' {
    if (id === null || id === this.#id) return 'same'
    if (this.#deleted.has(id)) return 'outdated'
    const known = this.#id
    this.#id = id
    if (known === null) return 'same'
    this.#deleted.add(known)
    return 'replaced'
  }
}
