import type { DescribedMember, GroupDescription } from '../../shared/kafka/types.js'

/** A shard of the group. */
export interface GroupMember {
  readonly memberId: string
  /** Where its HTTP server is reached: a URL such as http://10.0.0.7:9754; empty when it told none. */
  readonly address: string
  readonly partitions: readonly number[]
}

/** Which shard owns which partitions. `stable` is false while a rebalance is under way. */
export interface GroupMap {
  readonly stable: boolean
  readonly partitionCount: number
  readonly members: readonly GroupMember[]
}

export function groupMapOf({ members, ...rest }: GroupDescription): GroupMap {
  return {
    ...rest,
    members: members.map(({ memberId, metadata, partitions }) => ({
      memberId,
      address: decodeAddress(metadata),
      partitions,
    })),
  }
}

/** What a shard tells the group of itself. */
export function encodeAddress(address: string): Uint8Array {
  return Buffer.from(JSON.stringify({ address }))
}

/** Never throws: a member that tells nothing legible has no address. */
function decodeAddress(metadata: DescribedMember['metadata']): string {
  try {
    const { address } = JSON.parse(metadata.toString())
    return typeof address === 'string' ? address : ''
  } catch {
    return ''
  }
}
