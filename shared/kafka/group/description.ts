import type { GroupDescription } from '../types.js'
import type { DescribedGroup } from './coordinator.js'
import { decodeAssignment, decodeSubscription } from './protocol.js'

/** The group as its coordinator described it. Members that say nothing legible of themselves have no metadata. */
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
