import type { Cluster } from 'node:cluster'
import { hostname } from 'node:os'

/**
 * The host name, and in a worker of `node:cluster` its id: workers are targets of their own,
 * because of several publishers with the same labels only one is exposed.
 */
export function defaultInstance(): string {
  // Not imported, because some application servers do not bear that.
  const cluster = process.getBuiltinModule?.('node:cluster') as unknown as Cluster | undefined
  const worker = cluster?.worker
  return worker ? `${hostname()}-${worker.id}` : hostname()
}
