/** A member and what it says it owns. */
export interface Claimant {
  readonly memberId: string
  /** The program's own bytes. They order members the same way however often these join anew. */
  readonly metadata: Uint8Array
  readonly owned: readonly number[]
  /** Milliseconds since the coordinator last confirmed that; null when it never did. */
  readonly confirmedAge: number | null
  /** The generation it was confirmed in; −1 when none. */
  readonly generation: number
}

/** Decides which member gets which partitions. The group's leader runs it for all. */
export interface Assigner {
  /** What all members of a group must agree on: another meaning of what members claim needs another name. */
  readonly name: string
  /** Pure. Every partition below the count goes to one member; a member without any is left out or empty. */
  assign(members: readonly Claimant[], partitionCount: number): Map<string, number[]>
}

/**
 * Sticky assignment: every partition to exactly one member, counts within one of each other, and no partition moves that
 * need not. The same members in any order give the same answer.
 *
 * Two members may claim one partition, when one of them was taken for dead and came back: the newest confirmation wins,
 * since that member's state is the fresher one.
 *
 * Why is it minimal? Only ⌈p/m⌉ can stay where more is owned, and only for p mod m members. Those are given to members
 * that own that many, so what stays is the largest sum that balance allows, and everything else must move anyway.
 */
function assign(members: readonly Claimant[], partitionCount: number): Map<string, number[]> {
  const ordered = [...members].sort(
    (a, b) => Buffer.compare(a.metadata, b.metadata) || compare(a.memberId, b.memberId),
  )
  const assignment = new Map<string, number[]>(ordered.map(member => [member.memberId, []]))
  if (ordered.length === 0) return assignment

  const owners = ownersOf(ordered, partitionCount)
  const floor = Math.floor(partitionCount / ordered.length)
  let extras = partitionCount % ordered.length
  const free = new Set(Array.from({ length: partitionCount }, (_, partition) => partition))
  for (const member of ordered) {
    const mine = owners.get(member.memberId) ?? []
    let keep = Math.min(mine.length, floor)
    if (mine.length > floor && extras > 0) {
      keep++
      extras--
    }
    for (const partition of mine.slice(0, keep)) {
      assignment.get(member.memberId)!.push(partition)
      free.delete(partition)
    }
  }
  for (const partition of free) {
    let fewest = ordered[0]!.memberId
    for (const { memberId } of ordered) {
      if (assignment.get(memberId)!.length < assignment.get(fewest)!.length) fewest = memberId
    }
    assignment.get(fewest)!.push(partition)
  }
  for (const partitions of assignment.values()) partitions.sort((a, b) => a - b)
  return assignment
}

/** Who owns which existing partitions, each claimed by its newest confirmation. Partitions ascend. */
function ownersOf(ordered: readonly Claimant[], partitionCount: number): Map<string, number[]> {
  const claims = new Map<number, Claimant>()
  for (const member of ordered) {
    for (const partition of member.owned) {
      if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) continue
      const other = claims.get(partition)
      if (!other || isNewer(member, other)) claims.set(partition, member)
    }
  }
  const owners = new Map<string, number[]>()
  for (const partition of [...claims.keys()].sort((a, b) => a - b)) {
    const { memberId } = claims.get(partition)!
    owners.set(memberId, [...(owners.get(memberId) ?? []), partition])
  }
  return owners
}

/** Ages first: they need no common clock, and generations start again when a group was forgotten. */
function isNewer(a: Claimant, b: Claimant): boolean {
  const ageA = a.confirmedAge ?? Number.POSITIVE_INFINITY
  const ageB = b.confirmedAge ?? Number.POSITIVE_INFINITY
  return ageA === ageB ? a.generation > b.generation : ageA < ageB
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

export const stickyAssigner: Assigner = { name: 'kafka-exposer-sticky-2', assign }
