import { ClientGone, Refusal } from '../refusal.js'

/** Memory of all request bodies of a program, in bytes. */
export class BodyMemory {
  held = 0

  constructor(readonly limit: number) {}
}

/**
 * Memory of one request body. Acquired while the body is read, freed when its response is closed.
 */
export class BodyBudget {
  #held = 0
  #decoded = 0
  #freed = false

  /** @param maxDecoded limit of the decoded body, bytes */
  constructor(
    private readonly memory: BodyMemory,
    private readonly maxDecoded: number,
  ) {}

  /** Decoded bytes that the limit still allows. */
  get left(): number {
    return this.maxDecoded - this.#decoded
  }

  /**
   * Counts decoded bytes against the limit of the body and acquires memory for them.
   *
   * @throws Refusal 413 above the limit of the body, 503 above the limit of all bodies
   */
  addDecoded(bytes: number): void {
    this.#decoded += bytes
    if (this.left < 0) throw tooLarge('decoded body', this.maxDecoded)
    this.acquire(bytes)
  }

  /** @throws Refusal 503 above the limit of all bodies */
  acquire(bytes: number): void {
    if (this.#freed) throw new ClientGone()
    const { memory } = this
    if (memory.held + bytes > memory.limit) throw overloaded()
    this.#held += bytes
    memory.held += bytes
  }

  release(bytes: number): void {
    if (this.#freed) return
    this.#held -= bytes
    this.memory.held -= bytes
  }

  /** Releases everything. Nothing can be acquired afterwards. */
  free(): void {
    this.release(this.#held)
    this.#freed = true
  }
}

/** @param what the subject of the message, without its article */
export function tooLarge(what: string, maxBytes: number): Refusal {
  return new Refusal(413, `the ${what} is larger than ${maxBytes} bytes: send less per request`)
}

const RETRY_AFTER_S = '1'

function overloaded(): Refusal {
  return new Refusal(503, 'request bodies in flight exceed the memory limit: retry later', {
    'Retry-After': RETRY_AFTER_S,
  })
}
