import type { Claimant } from '../assigner.js'

/*
 * What members tell each other through the coordinator, in the consumer protocol's own frames (version 0), so that Kafka's
 * tools can print the group:
 *   subscription: version i16 · topics [string] · user data bytes
 *   assignment:   version i16 · [topic string · partitions [i32]] · user data bytes
 * https://kafka.apache.org/protocol — user data is JSON of ours.
 */
const VERSION = 0

/** Every exposer of a group offers this one: a change in what the user data means needs another name. */
export const ASSIGNER_NAME = 'kafka-exposer-sticky'

/** What a member says of itself when it joins. */
export interface MemberReport extends Omit<Claimant, 'memberId'> {
  /** How many partitions it has seen; a change makes the coordinator take its joining for news. */
  readonly partitionCount: number
}

export interface Subscription {
  readonly topics: readonly string[]
  /** Null when the user data is missing or not ours. */
  readonly report: MemberReport | null
}

export interface Assignment {
  readonly partitions: readonly number[]
  /** The count that the whole group was assigned by; null when the leader did not say. */
  readonly partitionCount: number | null
}

export function encodeSubscription(topic: string, report: MemberReport): Buffer {
  const { address, owned, confirmedAge, generation, partitionCount } = report
  const userData = Buffer.from(
    JSON.stringify({
      address,
      owned,
      confirmedAge: confirmedAge === null ? null : Math.round(confirmedAge),
      generation,
      partitionCount,
    }),
  )
  return Buffer.concat([int16(VERSION), int32(1), string(topic), int32(userData.length), userData])
}

/** Never throws: a member with garbage is a member that owns nothing. */
export function decodeSubscription(bytes: Buffer | null): Subscription {
  try {
    const reader = new FrameReader(bytes ?? Buffer.alloc(0))
    reader.int16()
    const topics = reader.array(() => reader.string())
    return { topics, report: parseReport(reader.bytes()) }
  } catch {
    return { topics: [], report: null }
  }
}

export function encodeAssignment(
  topic: string,
  partitions: readonly number[],
  partitionCount: number,
): Buffer {
  const userData = Buffer.from(JSON.stringify({ partitionCount }))
  return Buffer.concat([
    int16(VERSION),
    int32(1),
    string(topic),
    int32(partitions.length),
    ...partitions.map(int32),
    int32(userData.length),
    userData,
  ])
}

/** Never throws: an assignment that cannot be read assigns nothing. */
export function decodeAssignment(bytes: Buffer | null, topic: string): Assignment {
  try {
    const reader = new FrameReader(bytes ?? Buffer.alloc(0))
    reader.int16()
    const topics = reader.array(() => ({
      topic: reader.string(),
      partitions: reader.array(() => reader.int32()),
    }))
    const { partitionCount } = json(reader.bytes())
    return {
      partitions: topics.find(t => t.topic === topic)?.partitions ?? [],
      partitionCount: isCount(partitionCount) ? partitionCount : null,
    }
  } catch {
    return { partitions: [], partitionCount: null }
  }
}

function parseReport(userData: Buffer): MemberReport | null {
  const { address, owned, confirmedAge, generation, partitionCount } = json(userData)
  if (typeof address !== 'string' || !Array.isArray(owned)) return null
  return {
    address,
    owned: owned.filter(isCount),
    confirmedAge: typeof confirmedAge === 'number' && confirmedAge >= 0 ? confirmedAge : null,
    generation: Number.isSafeInteger(generation) ? (generation as number) : -1,
    partitionCount: isCount(partitionCount) ? partitionCount : 0,
  }
}

function json(bytes: Buffer): Record<string, unknown> {
  const value: unknown = JSON.parse(bytes.toString())
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}

/** Throws a RangeError past the end. */
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
    // Every element takes two bytes at least, so a lie about the length costs nothing.
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
