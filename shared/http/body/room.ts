import { ClientGone, Refusal } from '../refusal.js'

/** Bytes that all request bodies of a program hold together. */
export class BodyMemory {
  held = 0

  constructor(readonly limit: number) {}
}

/** What one request body may take. Filled while it is read, freed when its response is closed. */
export class BodyRoom {
  #held = 0
  #decoded = 0
  #freed = false

  /** @param maxDecoded bytes of the body after decoding */
  constructor(
    private readonly memory: BodyMemory,
    private readonly maxDecoded: number,
  ) {}

  /** Decoded bytes that may still come. */
  get left(): number {
    return this.maxDecoded - this.#decoded
  }

  /**
   * Decoded bytes, which are also held.
   *
   * @throws Refusal when the body becomes too large or all bodies together do
   */
  addDecoded(bytes: number): void {
    this.#decoded += bytes
    if (this.left < 0) throw tooLarge('decoded body', this.maxDecoded)
    this.acquire(bytes)
  }

  /** @throws Refusal when all bodies together become too large */
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

  /** Releases all, for good. */
  free(): void {
    this.release(this.#held)
    this.#freed = true
  }
}

/** @param what as the subject of a sentence, without its article */
export function tooLarge(what: string, maxBytes: number): Refusal {
  return new Refusal(413, `the ${what} has more than ${maxBytes} bytes: send less in one request`)
}

const RETRY_AFTER_S = '1'

function overloaded(): Refusal {
  return new Refusal(503, 'too many request bodies are being read: send it again later', {
    'Retry-After': RETRY_AFTER_S,
  })
}
