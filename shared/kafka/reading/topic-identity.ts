/**
 * Detects that a topic was deleted and created again, by the topic id.
 *
 * Brokers learn of the new topic one after the other, so one of them may still report the deleted
 * topic. Brokers before Kafka 2.8 report no id.
 */
export class TopicIdentity {
  #id: string | null = null
  readonly #deleted = new Set<string>()

  /** Newest id that a broker has reported; null before. */
  get id(): string | null {
    return this.#id
  }

  /** @param id as reported by a broker; null if it reports none */
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
