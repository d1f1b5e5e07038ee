import type { Steps } from './steps.js'

/** Limits of a document, which bound the memory and the time of reading it. */
export interface JsonLimits {
  /** Texts, numbers, literals, lists and objects, keys included. The memory of one is ~100 bytes. */
  readonly values: number
  /** Size of one text, bytes: it is read in one step. */
  readonly textBytes: number
  /** Keys of one object. */
  readonly keys: number
}

/** Deeper documents are refused: reading one recurses. */
const MAX_DEPTH = 64
/** What is read in a step. */
const BYTES_PER_STEP = 16 * 1024
const VALUES_PER_STEP = 500

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Parses a JSON document in steps. `JSON.parse` takes seconds for what fits into tens of MiB. The
 * result is the same, but objects have no prototype.
 *
 * @throws Error with the reason in one line
 */
export function* parseJsonSteps(body: Buffer, limits: JsonLimits): Steps<unknown> {
  const reader = new JsonReader(body, limits)
  const value = yield* reader.value(0)
  if (reader.peek() !== undefined) throw reader.problem()
  return value
}

class JsonReader {
  #at = 0
  #values = 0
  #steppedAt = 0
  #steppedValues = 0

  constructor(
    private readonly body: Buffer,
    private readonly limits: JsonLimits,
  ) {}

  problem(): Error {
    const isEnd = this.#at >= this.body.length
    return new Error(`invalid JSON: unexpected ${isEnd ? 'end' : `byte ${this.#at}`}`)
  }

  /** The next byte that is no space. */
  peek(): number | undefined {
    const { body } = this
    for (; this.#at < body.length; this.#at++) {
      const byte = body[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
    }
    return undefined
  }

  *value(depth: number): Steps<unknown> {
    const byte = this.peek()
    if (byte !== OPEN_LIST && byte !== OPEN_OBJECT) return this.#scalar(byte)
    if (depth >= MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels`)
    this.#count()
    this.#at++
    return byte === OPEN_LIST ? yield* this.#list(depth) : yield* this.#object(depth)
  }

  *#list(depth: number): Steps<unknown[]> {
    const list: unknown[] = []
    if (this.#skip(CLOSE_LIST)) return list
    do {
      const byte = this.peek()
      const isInner = byte === OPEN_LIST || byte === OPEN_OBJECT
      list.push(isInner ? yield* this.value(depth + 1) : this.#scalar(byte))
      if (this.#isStepOver()) yield
    } while (this.#skip(COMMA))
    if (!this.#skip(CLOSE_LIST)) throw this.problem()
    return list
  }

  *#object(depth: number): Steps<Record<string, unknown>> {
    const object: Record<string, unknown> = Object.create(null)
    let keys = 0
    if (this.#skip(CLOSE_OBJECT)) return object
    do {
      if (this.peek() !== QUOTE) throw this.problem()
      if (++keys > this.limits.keys)
        throw new Error(`an object has more than ${this.limits.keys} keys`)
      const key = this.#text()
      if (!this.#skip(COLON)) throw this.problem()
      const byte = this.peek()
      const isInner = byte === OPEN_LIST || byte === OPEN_OBJECT
      object[key] = isInner ? yield* this.value(depth + 1) : this.#scalar(byte)
      if (this.#isStepOver()) yield
    } while (this.#skip(COMMA))
    if (!this.#skip(CLOSE_OBJECT)) throw this.problem()
    return object
  }

  #isStepOver(): boolean {
    if (
      this.#at - this.#steppedAt < BYTES_PER_STEP &&
      this.#values - this.#steppedValues < VALUES_PER_STEP
    )
      return false
    this.#steppedAt = this.#at
    this.#steppedValues = this.#values
    return true
  }

  #count(): void {
    if (++this.#values > this.limits.values)
      throw new Error(`more than ${this.limits.values} values`)
  }

  #skip(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.#at++
    return true
  }

  #scalar(byte: number | undefined): unknown {
    if (byte === QUOTE) return this.#text()
    this.#count()
    const from = this.#at
    // Letters, digits, signs and points: what numbers and literals consist of.
    while (this.#at < this.body.length && isPlain(this.body[this.#at]) && this.#at - from < 100)
      this.#at++
    return this.#parsed(from)
  }

  #text(): string {
    this.#count()
    const from = this.#at
    const { body, limits } = this
    const limit = Math.min(body.length, from + limits.textBytes + 2)
    for (this.#at++; this.#at < limit; this.#at++) {
      const byte = body[this.#at]
      if (byte === BACKSLASH) this.#at++
      else if (byte === QUOTE) {
        this.#at++
        return this.#parsed(from) as string
      }
    }
    throw limit < body.length
      ? new Error(`a text is longer than ${limits.textBytes} bytes`)
      : this.problem()
  }

  #parsed(from: number): unknown {
    try {
      return JSON.parse(this.body.toString('utf8', from, this.#at))
    } catch {
      this.#at = from
      throw this.problem()
    }
  }
}

const isPlain = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  byte === 0x2b ||
  byte === 0x2d ||
  byte === 0x2e
