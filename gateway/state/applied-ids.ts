import type { Steps } from '../../shared/base/steps.js'
import { HashIndex, hashOf } from './hash-index.js'
import { DONE, type Outcome } from './types.js'

/** Time for which an id is known, ms of log time. */
export const ID_AGE_MS = 600_000
/** The newest ids that are known, however young they are. */
const MAX_IDS = 1_000_000
const ID_BYTES = 16
const CHUNK = 4096
/** References of the index are sequence numbers modulo this. */
const MODULUS = 2 ** 31
const PRUNED_PER_STEP = 2000
/** Map entry and string header of a message, bytes. */
const MESSAGE_OVERHEAD = 100

interface Chunk {
  readonly ids: Buffer
  readonly contents: Uint32Array
  readonly times: Float64Array
}

/** A request that was applied. */
export interface AppliedId {
  readonly id: Buffer
  /** Checksum of its content. */
  readonly content: number
  /** Log time, Unix ms. */
  readonly time: number
  readonly outcome: Outcome
}

/** The ids of the last ten minutes with their outcomes, in the order of the log. */
export class AppliedIds {
  /** Also `first` and `next` are sequence numbers; chunks begin at multiples of their length. */
  #chunks: Chunk[] = []
  #first = 0
  #next = 0
  readonly #index = new HashIndex()
  readonly #messages = new Map<number, string>()
  #messageBytes = 0

  get size(): number {
    return this.#next - this.#first
  }

  /** Estimate of the memory. */
  get bytes(): number {
    return this.#chunks.length * CHUNK * (ID_BYTES + 12) + this.#index.bytes + this.#messageBytes
  }

  find(id: Buffer): AppliedId | undefined {
    const reference = this.#index.find(hash(id), candidate =>
      this.#isAt(id, this.#sequence(candidate)),
    )
    return reference === undefined ? undefined : this.#at(this.#sequence(reference))
  }

  add({ id, content, time, outcome }: AppliedId): void {
    const sequence = this.#next++
    const at = sequence % CHUNK
    if (at === 0 || this.#chunks.length === 0) this.#chunks.push(newChunk())
    const chunk = this.#chunks.at(-1)!
    id.copy(chunk.ids, at * ID_BYTES)
    chunk.contents[at] = content
    chunk.times[at] = time
    if (outcome.kind === 'inconsistent') {
      this.#messages.set(sequence, outcome.message)
      this.#messageBytes += bytesOf(outcome.message)
    }
    this.#index.add(hash(id), sequence % MODULUS)
  }

  /** Removes what is older than ten minutes of log time, and what is over the number. */
  *prune(time: number): Steps<void> {
    let removed = 0
    while (
      this.#first < this.#next &&
      (this.#timeAt(this.#first) < time - ID_AGE_MS || this.size > MAX_IDS)
    ) {
      this.#removeFirst()
      if (++removed % PRUNED_PER_STEP === 0) yield
    }
  }

  /** All ids at this moment. What is added or removed later does not change the result. */
  all(): Iterable<AppliedId> {
    return iterate([...this.#chunks], new Map(this.#messages), this.#first, this.#next)
  }

  #removeFirst(): void {
    const sequence = this.#first++
    const chunk = this.#chunks[0]
    const from = (sequence % CHUNK) * ID_BYTES
    const id = chunk.ids.subarray(from, from + ID_BYTES)
    this.#index.remove(hash(id), sequence % MODULUS)
    const message = this.#messages.get(sequence)
    if (message !== undefined) {
      this.#messages.delete(sequence)
      this.#messageBytes -= bytesOf(message)
    }
    if (this.#first % CHUNK === 0 || this.#first === this.#next) this.#dropChunks()
  }

  #dropChunks(): void {
    if (this.#first === this.#next) {
      this.#chunks = []
      this.#first = Math.ceil(this.#next / CHUNK) * CHUNK
      this.#next = this.#first
    } else this.#chunks.shift()
  }

  /** Number of the first chunk. */
  #base(): number {
    return Math.floor(this.#first / CHUNK)
  }

  #sequence(reference: number): number {
    return this.#first + ((reference - (this.#first % MODULUS) + MODULUS) % MODULUS)
  }

  #chunkOf(sequence: number): Chunk {
    return this.#chunks[Math.floor(sequence / CHUNK) - this.#base()]
  }

  #timeAt(sequence: number): number {
    return this.#chunkOf(sequence).times[sequence % CHUNK]
  }

  #isAt(id: Buffer, sequence: number): boolean {
    const from = (sequence % CHUNK) * ID_BYTES
    return this.#chunkOf(sequence).ids.compare(id, 0, ID_BYTES, from, from + ID_BYTES) === 0
  }

  #at(sequence: number): AppliedId {
    return read(this.#chunkOf(sequence), sequence, this.#messages)
  }
}

function* iterate(
  chunks: readonly Chunk[],
  messages: ReadonlyMap<number, string>,
  first: number,
  next: number,
): Generator<AppliedId> {
  const base = Math.floor(first / CHUNK)
  for (let sequence = first; sequence < next; sequence++)
    yield read(chunks[Math.floor(sequence / CHUNK) - base], sequence, messages)
}

function read(chunk: Chunk, sequence: number, messages: ReadonlyMap<number, string>): AppliedId {
  const at = sequence % CHUNK
  const message = messages.get(sequence)
  return {
    id: Buffer.from(chunk.ids.subarray(at * ID_BYTES, (at + 1) * ID_BYTES)),
    content: chunk.contents[at],
    time: chunk.times[at],
    outcome: message === undefined ? DONE : { kind: 'inconsistent', message },
  }
}

const bytesOf = (message: string) => MESSAGE_OVERHEAD + 2 * message.length

const newChunk = (): Chunk => ({
  ids: Buffer.allocUnsafeSlow(CHUNK * ID_BYTES),
  contents: new Uint32Array(CHUNK),
  times: new Float64Array(CHUNK),
})

/** Ids can be parts of a SHA-256 of what a client has chosen. */
const hash = (id: Buffer) => hashOf(id.toString('latin1', 0, ID_BYTES), 0, ID_BYTES)
