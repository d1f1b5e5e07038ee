import type { GroupDescription } from '../types.js'
import type { DescribedGroup } from './coordinator.js'
import { decodeAssignment, decodeSubscription } from './protocol.js'

/** The description of the group by its coordinator. Malformed metadata of a member is empty. */
export function descriptionOf(
  described: DescribedGroup,
  topic: string,
  partitionCount: number,
): GroupDescription {
  return {
    stable: described.state === 'Stable',
    partitionCount,
    members: described.members.map(member => ({
      memberId: member.memberId,
      metadata: decodeSubscription(member.memberMetadata).metadata,
      partitions: decodeAssignment(member.memberAssignment, topic).partitions,
    })),
  }
}
