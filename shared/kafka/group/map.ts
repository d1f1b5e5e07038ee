import type { GroupMap } from '../types.js'
import type { DescribedGroup } from './coordinator.js'
import { decodeAssignment, decodeSubscription } from './protocol.js'

/** The group as its coordinator described it. Members that say nothing legible of themselves have an empty address. */
export function groupMap(described: DescribedGroup, topic: string, partitionCount: number): GroupMap {
  return {
    stable: described.state === 'Stable',
    partitionCount,
    members: described.members.map(member => ({
      memberId: member.memberId,
      address: decodeSubscription(member.memberMetadata).report?.address ?? '',
      partitions: decodeAssignment(member.memberAssignment, topic).partitions,
    })),
  }
}
