import type { Connection } from './connection.js'
import { isReply } from './errors.js'

/** What a server says of itself. Undefined what it does not say. */
export interface ServerInfo {
  readonly version: string | undefined
  readonly isReplica: boolean
  /** Policy with which it removes keys when its memory is full; undefined if it has no limit. */
  readonly evictionPolicy: string | undefined
  readonly replicas: number
}

/** @throws ConnectionFailed */
export async function readServerInfo(connection: Connection): Promise<ServerInfo> {
  const text = await infoText(connection)
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(text)?.[1]
  return {
    version: field('redis_version'),
    isReplica: field('role') === 'slave',
    evictionPolicy: field('maxmemory') === '0' ? undefined : field('maxmemory_policy'),
    replicas: Number(field('connected_slaves') ?? 0),
  }
}

/** Empty if the user must not ask for it. */
async function infoText(connection: Connection): Promise<string> {
  try {
    return String(await connection.call('info', []))
  } catch (error) {
    if (isReply(error)) return ''
    throw error
  }
}
