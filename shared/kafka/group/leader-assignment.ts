import type { Assigner, Claimant } from '../assigner.js'
import type { Joined } from './coordinator.js'
import { type Claim, decodeSubscription, encodeAssignment } from './protocol.js'

interface LeaderAssignment {
  /** Assignment frame of each member; empty for members that read another topic. */
  readonly assignments: Map<string, Buffer>
  /** Members that read other topics, with those topics. */
  readonly foreignMembers: readonly {
    readonly memberId: string
    readonly topics: readonly string[]
  }[]
}

type Participant = Claimant & Pick<Claim, 'leaving' | 'released'>

/** The partitions that members get in one round. */
interface Round {
  readonly assigned: ReadonlyMap<string, readonly number[]>
  /** Partitions that another member than their next owner still holds. */
  readonly pending: readonly number[]
  /** Metadata of the member that gave up a partition: also of its next owner, if it returns. */
  readonly previous: ReadonlyMap<number, Uint8Array>
}

const NO_CLAIM = {
  owned: [],
  leased: false,
  confirmedAge: null,
  generation: -1,
  leaving: false,
  released: [],
}

/** Computes the assignment of all members, as the leader of the group. Pure. */
export function assignAsLeader(
  members: Joined['members'],
  {
    topic,
    partitionCount,
    assigner,
  }: { topic: string; partitionCount: number; assigner: Assigner },
): LeaderAssignment {
  const foreignMembers: LeaderAssignment['foreignMembers'][number][] = []
  const participants: Participant[] = []
  for (const { memberId, memberMetadata } of members) {
    const { topics, claim, metadata } = decodeSubscription(memberMetadata)
    if (topics.length > 0 && !topics.includes(topic)) foreignMembers.push({ memberId, topics })
    else participants.push({ ...NO_CLAIM, ...claim, memberId, metadata })
  }
  const { assigned, pending, previous } = nextRound(participants, partitionCount, assigner)
  const assignments = members.map(({ memberId }): [string, Buffer] => {
    const partitions = assigned.get(memberId) ?? []
    const own = partitions.filter(partition => previous.has(partition))
    const frame = encodeAssignment(topic, {
      memberId,
      partitions,
      partitionCount,
      pending,
      following: pending.length > 0 || participants.some(member => member.leaving),
      previous: new Map(own.map(partition => [partition, previous.get(partition)!])),
    })
    return [memberId, frame]
  })
  return { assignments: new Map(assignments), foreignMembers }
}

/**
 * One round towards the assignment of the assigner. A partition that another member holds under its
 * lease is assigned to nobody: that member gives it up with this round and joins again, and the
 * partition is assigned in the following round. So no partition has two owners at any time.
 */
function nextRound(
  participants: readonly Participant[],
  partitionCount: number,
  assigner: Assigner,
): Round {
  const holders = holdersOf(participants)
  const staying = participants.filter(member => !member.leaving)
  const target = staying.length > 0 ? assigner.assign(staying, partitionCount) : new Map()
  const assigned = new Map<string, number[]>()
  const pending: number[] = []
  const previous = new Map<number, Uint8Array>()
  for (const [memberId, partitions] of target) {
    const own: number[] = []
    for (const partition of partitions) {
      const holding = holders.get(partition) ?? []
      if (holding.some(holder => holder !== memberId)) {
        pending.push(partition)
        continue
      }
      own.push(partition)
      const former = participants.find(({ released }) => released.includes(partition))
      if (former && holding.length === 0) previous.set(partition, former.metadata)
    }
    assigned.set(memberId, own)
  }
  return { assigned, pending: pending.sort((a, b) => a - b), previous }
}

/** The members that may be serving a partition, by partition. */
function holdersOf(participants: readonly Participant[]): Map<number, string[]> {
  const holders = new Map<number, string[]>()
  for (const { memberId, owned, leased } of participants) {
    if (!leased) continue
    for (const partition of owned)
      holders.set(partition, [...(holders.get(partition) ?? []), memberId])
  }
  return holders
}
