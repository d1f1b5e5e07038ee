import type { Block } from './block.js'
import type { Group, Member } from './group.js'
import type { IngestedFamily } from './ingested-family.js'
import { PUSHED_TYPES, type PushedType } from './types.js'

/**
 * What a family is exposed as: the type and help text of its oldest block, or of its ingested
 * series if there is no block.
 */
export interface Head {
  readonly type: PushedType
  readonly help: string
}

/** All blocks with one family name. */
export class FamilyEntry {
  readonly members: Member[] = []
  ingested: IngestedFamily | undefined
  #head: Head | undefined
  readonly #types = new Map<PushedType, number>()

  constructor(readonly name: string) {}

  get isEmpty(): boolean {
    return this.members.length === 0 && this.ingested === undefined
  }

  /** Whether there are blocks of several types. */
  get isMixed(): boolean {
    return this.#types.size > 1
  }

  /** The types of the blocks, without one of them. Ingested series yield to push groups. */
  types(except: Member | undefined): PushedType[] {
    return PUSHED_TYPES.filter(
      type => (this.#types.get(type) ?? 0) > (except?.block.type === type ? 1 : 0),
    )
  }

  /** Call it after the ingested series have changed their type. */
  setIngested(ingested: IngestedFamily | undefined): void {
    this.ingested = ingested
    this.#head = undefined
  }

  add(group: Group, block: Block): Member {
    const member = { entry: this, group, block, slot: this.members.length }
    this.members.push(member)
    this.#count(block.type, 1)
    return member
  }

  replace(member: Member, block: Block): void {
    this.#count(member.block.type, -1)
    this.#count(block.type, 1)
    member.block = block
  }

  remove(member: Member): void {
    this.#count(member.block.type, -1)
    const last = this.members.pop()!
    if (last === member) return
    last.slot = member.slot
    this.members[member.slot] = last
  }

  #count(type: PushedType, change: number): void {
    const count = (this.#types.get(type) ?? 0) + change
    if (count === 0) this.#types.delete(type)
    else this.#types.set(type, count)
    this.#head = undefined
  }

  /** Must not be called for an empty entry. */
  head(): Head {
    this.#head ??= this.#oldest()
    return this.#head
  }

  #oldest(): Head {
    let oldest: Block | undefined
    for (const { block } of this.members)
      if (oldest === undefined || block.since < oldest.since) oldest = block
    const { type, help } = oldest ?? this.ingested!
    return { type, help }
  }
}
