import type { DescribedMember, GroupDescription } from '../../shared/kafka/types.js'

const MAX_ADDRESS_LENGTH = 2048

/** A shard of the group. */
export interface GroupMember {
  readonly memberId: string
  /** URL of its HTTP server, such as http://10.0.0.7:9754; empty if its metadata has none. */
  readonly address: string
  readonly partitions: readonly number[]
}

/** Which shard owns which partitions. `stable` is false during a rebalance. */
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

/** The member metadata of a shard. */
export function encodeAddress(address: string): Uint8Array {
  return Buffer.from(JSON.stringify({ address }))
}

/** Never throws: invalid metadata is an empty address. */
function decodeAddress(metadata: DescribedMember['metadata']): string {
  try {
    const { address } = JSON.parse(metadata.toString())
    return typeof address === 'string' && isBaseUrl(address) ? address : ''
  } catch {
    return ''
  }
}

/** Whether a path can be appended: the address becomes a request and a redirect of others. */
function isBaseUrl(address: string): boolean {
  if (address.length > MAX_ADDRESS_LENGTH || !URL.canParse(address)) return false
  const url = new URL(address)
  return (
    /^https?:$/.test(url.protocol) &&
    url.href.replace(/\/+$/, '') === address &&
    !/[?#@]/.test(address)
  )
}
