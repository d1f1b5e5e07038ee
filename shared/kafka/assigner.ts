/** A member of the group and the partitions that it claims to own. */
export interface Claimant {
  readonly memberId: string
  /**
   * Opaque bytes of the program. Members are sorted by them, so the order survives new member ids.
   */
  readonly metadata: Uint8Array
  readonly owned: readonly number[]
  /**
   * Whether the member may be serving what it claims: it had a lease when it joined. Without a
   * lease, a claim is a preference only.
   */
  readonly leased: boolean
  /** Milliseconds since the coordinator last confirmed the ownership; null if it never did. */
  readonly confirmedAge: number | null
  /** Generation of that confirmation; −1 if there is none. */
  readonly generation: number
}

/** Distributes the partitions over the members. The leader of the group runs it for all members. */
export interface Assigner {
  /**
   * Protocol name, which all members of a group must share. Change it when the content of claims
   * changes.
   */
  readonly name: string
  /**
   * Pure. The balanced assignment that the group is to reach, possibly in several rounds. Assigns
   * every partition below the count to exactly one member. A member without partitions has an empty
   * list or no entry.
   */
  assign(members: readonly Claimant[], partitionCount: number): Map<string, number[]>
}

/**
 * Sticky assignment: each partition has one owner, the numbers of partitions differ by one at most,
 * and no partition moves unless balance requires it. The order of the members has no influence.
 *
 * Two members may claim the same partition, for example after one of them was taken for dead and
 * returned. The one with a lease wins, then the most recent confirmation, because the state of that
 * member is fresher.
 *
 * The number of moves is minimal: a member that owns more can keep ⌈p/m⌉ partitions at most, and
 * only p mod m members can keep that many. Those places go to members that own so many, so the sum
 * of kept partitions is the largest that a balanced assignment allows.
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

/** Existing partitions by owner, in ascending order. The best claim wins (see `isNewer`). */
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

/**
 * A lease counts first, then the age of the confirmation. Ages need no common clock, and
 * generations start again at 1 when the coordinator has forgotten a group.
 */
function isNewer(a: Claimant, b: Claimant): boolean {
  if (a.leased !== b.leased) return a.leased
  const ageA = a.confirmedAge ?? Number.POSITIVE_INFINITY
  const ageB = b.confirmedAge ?? Number.POSITIVE_INFINITY
  return ageA === ageB ? a.generation > b.generation : ageA < ageB
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

export const stickyAssigner: Assigner = { name: 'kafka-exposer-cooperative-1', assign }
