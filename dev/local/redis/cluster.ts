import type { RedisNode } from './node.js'

const SLOTS = 16_384
const MASTERS = 3

interface ClusterMember {
  readonly node: RedisNode
  /** Port of the cluster bus. */
  readonly bus: number
}

/** Joins six nodes to a Cluster: three masters with all slots, each with one replica. */
export async function formCluster(
  members: readonly ClusterMember[],
  untilTrue: (condition: () => Promise<boolean>) => Promise<void>,
): Promise<void> {
  const [{ node: first }] = members
  for (const { node, bus } of members.slice(1))
    await first.run('cluster', 'meet', node.host, node.port, bus)
  const masters = members.slice(0, MASTERS)
  for (const [i, { node }] of masters.entries()) {
    const from = Math.floor((i * SLOTS) / MASTERS)
    const to = Math.floor(((i + 1) * SLOTS) / MASTERS) - 1
    await node.run('cluster', 'addslotsrange', from, to)
  }
  const all = members.map(({ node }) => node)
  await untilTrue(async () => (await Promise.all(all.map(knownNodes))).every(n => n === all.length))
  for (const [i, { node }] of members.slice(MASTERS).entries())
    await node.run('cluster', 'replicate', String(await masters[i].node.run('cluster', 'myid')))
  await untilTrue(async () => (await Promise.all(all.map(isComplete))).every(Boolean))
}

const infoOf = async (node: RedisNode, section: 'cluster' | 'replication'): Promise<string> =>
  String(await (section === 'cluster' ? node.run('cluster', 'info') : node.run('info', section)))

async function knownNodes(node: RedisNode): Promise<number> {
  return Number(/cluster_known_nodes:(\d+)/.exec(await infoOf(node, 'cluster'))?.[1])
}

/** Whether a node sees all slots served, and its master or its replica. */
async function isComplete(node: RedisNode): Promise<boolean> {
  const replication = await infoOf(node, 'replication')
  return (
    /cluster_state:ok/.test(await infoOf(node, 'cluster')) &&
    (/state=online/.test(replication) || /master_link_status:up/.test(replication))
  )
}
