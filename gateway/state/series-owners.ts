import type { Group, Member } from './group.js'
import { HashIndex, hashOf } from './hash-index.js'
import { parseSeries, SAMPLE_SUFFIX } from './series-text.js'

/**
 * Which push group exposes a series. If several have it, which only happens to unchecked pushes,
 * the one with the oldest block does, and the others wait.
 */
export class SeriesOwners {
  readonly #index = new HashIndex()
  /** Members that wait for a series, by its text. */
  readonly #waiting = new Map<string, Set<Member>>()
  #waitingCount = 0

  constructor(private readonly groupOf: (id: number) => Group | undefined) {}

  get bytes(): number {
    return this.#index.bytes + this.#waitingCount * 200
  }

  /** Number of series that wait. */
  get waiting(): number {
    return this.#waitingCount
  }

  get hasWaiting(): boolean {
    return this.#waitingCount > 0
  }

  /** Another push group that exposes this series. */
  otherOwner(text: string, own: Group | undefined): Member | undefined {
    return this.#other(text, hashOf(text, 0, text.length), own)
  }

  isWaiting(member: Member, text: string): boolean {
    return this.hasWaiting && (this.#waiting.get(text)?.has(member) ?? false)
  }

  claim(member: Member, text: string): void {
    const hash = hashOf(text, 0, text.length)
    const other = this.#other(text, hash, member.group, member)
    if (other === undefined) {
      this.#index.add(hash, member.group.id)
    } else if (other.block.since <= member.block.since) {
      this.#wait(member, text)
    } else {
      this.#index.remove(hash, other.group.id)
      this.#wait(other, text)
      this.#index.add(hash, member.group.id)
    }
  }

  /** The oldest member that waits gets the series. */
  release(member: Member, text: string): void {
    if (this.hasWaiting && this.#leave(member, text)) return
    const hash = hashOf(text, 0, text.length)
    this.#index.remove(hash, member.group.id)
    if (!this.hasWaiting) return
    let oldest: Member | undefined
    for (const candidate of this.#waiting.get(text) ?? [])
      if (oldest === undefined || candidate.block.since < oldest.block.since) oldest = candidate
    if (oldest === undefined) return
    this.#leave(oldest, text)
    this.#index.add(hash, oldest.group.id)
  }

  #wait(member: Member, text: string): void {
    const waiting = this.#waiting.get(text) ?? new Set()
    this.#waiting.set(text, waiting)
    if (waiting.has(member)) return
    waiting.add(member)
    this.#waitingCount++
  }

  #leave(member: Member, text: string): boolean {
    const waiting = this.#waiting.get(text)
    if (!waiting?.delete(member)) return false
    if (waiting.size === 0) this.#waiting.delete(text)
    this.#waitingCount--
    return true
  }

  /** @param member whose push group is searched, too; undefined: it is skipped */
  #other(text: string, hash: number, own: Group | undefined, member?: Member): Member | undefined {
    let found: Member | undefined
    this.#index.find(hash, id => {
      if (id === own?.id && member === undefined) return false
      found = memberWith(this.groupOf(id), text, member)
      return found !== undefined
    })
    return found
  }
}

/**
 * The member of a push group that has a series, other than the excepted one: `x_sum` can be a family
 * and a sample of the summary `x`.
 */
function memberWith(
  group: Group | undefined,
  text: string,
  except: Member | undefined,
): Member | undefined {
  if (!group) return undefined
  const { name } = parseSeries(text)
  for (const candidate of [name, name.replace(SAMPLE_SUFFIX, '')]) {
    const member = group.members.get(candidate)
    if (member && member !== except && member.block.has(text)) return member
  }
  return undefined
}
