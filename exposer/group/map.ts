import type { GroupDescription } from '../../shared/kafka/types.js'

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
      address: decodeMember(metadata).address,
      partitions,
    })),
  }
}

/** What a shard tells the other members of the group. */
export interface Member {
  /** URL of its HTTP server; empty if it is not known. */
  readonly address: string
  /** Whoever sends it to the shard can read the metadata of the group; empty if there is none. */
  readonly secret: string
}

/** The member metadata of a shard. */
export function encodeMember({ address, secret }: Member): Uint8Array {
  return Buffer.from(JSON.stringify({ address, secret }))
}

/** Never throws: what is invalid or missing is empty. */
export function decodeMember(metadata: Uint8Array): Member {
  try {
    const { address, secret } = JSON.parse(Buffer.from(metadata).toString())
    return {
      address: typeof address === 'string' && isBaseUrl(address) ? address : '',
      secret: typeof secret === 'string' ? secret : '',
    }
  } catch {
    return { address: '', secret: '' }
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
