import type { Claimant } from '../assigner.js'

/*
 * Data that members exchange through the coordinator, in the frames of the consumer protocol
 * (version 0), so that Kafka's tools can describe the group:
 *   subscription: version i16 · topics [string] · user data bytes
 *   assignment:   version i16 · [topic string · partitions [i32]] · user data bytes
 * https://kafka.apache.org/protocol
 *
 * User data of a subscription: claim bytes (our JSON) · metadata bytes (of the program, opaque).
 * User data of an assignment: our JSON.
 */
const VERSION = 0

/** Ownership that a member claims when it joins. */
export interface Claim extends Omit<Claimant, 'memberId' | 'metadata'> {
  /**
   * Whether the member leaves the group after this join. It keeps what it claims until the leader
   * assigns it nothing.
   */
  readonly leaving: boolean
  /** Partitions that the member has given up and that had no owner in its last assignment. */
  readonly released: readonly number[]
  /**
   * Number of partitions that the member knows. A changed number makes the coordinator rebalance.
   */
  readonly partitionCount: number
}

export interface Subscription {
  readonly topics: readonly string[]
  /** Null if the user data is missing or malformed. */
  readonly claim: Claim | null
  /** Empty if the user data is missing or malformed. */
  readonly metadata: Buffer
}

/** What the leader tells one member. */
export interface AssignedRound {
  /**
   * The member for which it was computed. A static member that returns gets the assignment of its
   * former process, under another member id.
   */
  readonly memberId: string
  readonly partitions: readonly number[]
  /** Number of partitions that the leader used. */
  readonly partitionCount: number
  /**
   * Partitions that a member other than their next owner holds: they are assigned in the following
   * round.
   */
  readonly pending: readonly number[]
  /** Whether another round follows at once: for pending partitions, or because a member leaves. */
  readonly following: boolean
  /** Metadata of the member that gave up a partition, for partitions of this member. */
  readonly previous: ReadonlyMap<number, Uint8Array>
}

/**
 * A decoded assignment. `memberId` and `partitionCount` are null if the leader did not send them.
 */
export interface Assignment extends Omit<AssignedRound, 'memberId' | 'partitionCount'> {
  readonly memberId: string | null
  readonly partitionCount: number | null
}

export function encodeSubscription(topic: string, claim: Claim, metadata: Uint8Array): Buffer {
  const { confirmedAge } = claim
  const age = confirmedAge === null ? null : Math.round(confirmedAge)
  const json = JSON.stringify({ ...claim, confirmedAge: age })
  const userData = Buffer.concat([bytes(Buffer.from(json)), bytes(metadata)])
  return Buffer.concat([int16(VERSION), int32(1), string(topic), bytes(userData)])
}

/** Never throws: a member with a malformed subscription owns nothing. */
export function decodeSubscription(frame: Buffer | null): Subscription {
  let topics: string[] = []
  try {
    const reader = new FrameReader(frame ?? Buffer.alloc(0))
    reader.int16()
    topics = reader.array(() => reader.string())
    const userData = new FrameReader(reader.bytes())
    const claim = parseClaim(userData.bytes())
    const metadata = userData.bytes()
    return claim === null
      ? { topics, claim, metadata: Buffer.alloc(0) }
      : { topics, claim, metadata }
  } catch {
    return { topics, claim: null, metadata: Buffer.alloc(0) }
  }
}

export function encodeAssignment(topic: string, round: AssignedRound): Buffer {
  const { memberId, partitions, partitionCount, pending, following, previous } = round
  const owners = [...previous].map(([partition, metadata]) => [
    partition,
    Buffer.from(metadata).toString('base64'),
  ])
  const userData = Buffer.from(
    JSON.stringify({
      memberId,
      partitionCount,
      pending,
      following,
      previous: Object.fromEntries(owners),
    }),
  )
  return Buffer.concat([
    int16(VERSION),
    int32(1),
    string(topic),
    int32(partitions.length),
    ...partitions.map(int32),
    bytes(userData),
  ])
}

/** Never throws: a malformed assignment is empty. */
export function decodeAssignment(frame: Buffer | null, topic: string): Assignment {
  try {
    const reader = new FrameReader(frame ?? Buffer.alloc(0))
    reader.int16()
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => reader.int32()),
    }))
    const { memberId, partitionCount, pending, following, previous } = json(reader.bytes())
    return {
      memberId: typeof memberId === 'string' ? memberId : null,
      partitions: topics.find(t => t.topic === topic)?.partitions ?? [],
      partitionCount: isCount(partitionCount) ? partitionCount : null,
      pending: countsOf(pending),
      following: following === true,
      previous: parsePrevious(previous),
    }
  } catch {
    return {
      memberId: null,
      partitions: [],
      partitionCount: null,
      pending: [],
      following: false,
      previous: new Map(),
    }
  }
}

function parsePrevious(value: unknown): Map<number, Uint8Array> {
  const previous = new Map<number, Uint8Array>()
  if (typeof value !== 'object' || value === null) return previous
  for (const [partition, metadata] of Object.entries(value)) {
    if (isCount(Number(partition)) && typeof metadata === 'string')
      previous.set(Number(partition), Buffer.from(metadata, 'base64'))
  }
  return previous
}

function parseClaim(text: Buffer): Claim | null {
  const claim = json(text)
  const { owned, confirmedAge, generation, partitionCount } = claim
  if (!Array.isArray(owned)) return null
  return {
    owned: countsOf(owned),
    leased: claim.leased === true,
    leaving: claim.leaving === true,
    released: countsOf(claim.released),
    confirmedAge: typeof confirmedAge === 'number' && confirmedAge >= 0 ? confirmedAge : null,
    generation: Number.isSafeInteger(generation) ? (generation as number) : -1,
    partitionCount: isCount(partitionCount) ? partitionCount : 0,
  }
}

function json(text: Buffer): Record<string, unknown> {
  const value: unknown = JSON.parse(text.toString())
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0

const countsOf = (value: unknown): number[] => (Array.isArray(value) ? value.filter(isCount) : [])

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function string(value: string): Buffer {
  const encoded = Buffer.from(value)
  return Buffer.concat([int16(encoded.length), encoded])
}

function bytes(value: Uint8Array): Buffer {
  return Buffer.concat([int32(value.length), value])
}

/** Throws a RangeError at the end of the frame. */
class FrameReader {
  #at = 0

  constructor(readonly buffer: Buffer) {}

  int16(): number {
    this.#at += 2
    return this.buffer.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.buffer.readInt32BE(this.#at - 4)
  }

  string(): string {
    return this.#take(this.int16()).toString()
  }

  bytes(): Buffer {
    return this.#take(this.int32())
  }

  array<T>(read: () => T): T[] {
    const length = this.int32()
    // Each element has at least two bytes, so a wrong length costs no memory.
    if (length > (this.buffer.length - this.#at) / 2)
      throw new RangeError('an array is longer than its frame')
    return Array.from({ length: Math.max(0, length) }, read)
  }

  #take(length: number): Buffer {
    const from = this.#at
    this.#at += Math.max(0, length)
    if (this.#at > this.buffer.length) throw new RangeError('a field is longer than its frame')
    return this.buffer.subarray(from, this.#at)
  }
}
