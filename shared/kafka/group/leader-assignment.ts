import type { Assigner, Claimant } from '../assigner.js'
import type { Joined } from './coordinator.js'
import { decodeSubscription, encodeAssignment } from './protocol.js'

interface LeaderAssignment {
  /** Assignment frame of each member; empty for members that read another topic. */
  readonly assignments: Map<string, Buffer>
  /** Members that read other topics, with those topics. */
  readonly foreignMembers: readonly {
    readonly memberId: string
    readonly topics: readonly string[]
  }[]
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
  const claimants: Claimant[] = []
  for (const { memberId, memberMetadata } of members) {
    const { topics, claim, metadata } = decodeSubscription(memberMetadata)
    if (topics.length > 0 && !topics.includes(topic)) foreignMembers.push({ memberId, topics })
    else
      claimants.push({
        owned: [],
        confirmedAge: null,
        generation: -1,
        ...claim,
        memberId,
        metadata,
      })
  }
  const assigned = assigner.assign(claimants, partitionCount)
  const assignments = members.map(({ memberId }): [string, Buffer] => [
    memberId,
    encodeAssignment(topic, assigned.get(memberId) ?? [], partitionCount),
  ])
  return { assignments: new Map(assignments), foreignMembers }
}
