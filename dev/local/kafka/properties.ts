import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface NodePlan {
  /** Node id, from 1. */
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  /** Folder of data, properties and log. */
  readonly folder: string
}

export const clusterId = (): string => randomBytes(16).toString('base64url')

/**
 * Writes the files of a node. @returns the path of its server.properties
 *
 * A data folder needs only a meta.properties file: without bootstrap records, a controller starts
 * with the newest metadata version that it supports. This avoids the storage tool of Kafka, which
 * takes half a second.
 */
export function writeNode(
  plan: NodePlan,
  cluster: { readonly id: string; readonly nodes: readonly NodePlan[] },
  extra: Readonly<Record<string, string>> = {},
): string {
  const data = join(plan.folder, 'data')
  mkdirSync(data, { recursive: true })
  const meta = {
    version: '1',
    'cluster.id': cluster.id,
    'node.id': String(plan.id),
    'directory.id': clusterId(),
  }
  writeFileSync(join(data, 'meta.properties'), format(meta))
  const file = join(plan.folder, 'server.properties')
  writeFileSync(file, format({ ...properties(plan, cluster.nodes, data), ...extra }))
  return file
}

function properties(
  plan: NodePlan,
  nodes: readonly NodePlan[],
  data: string,
): Record<string, string> {
  const replicas = String(Math.min(3, nodes.length))
  const inSync = String(Math.min(2, nodes.length))
  return {
    'process.roles': 'broker,controller',
    'node.id': String(plan.id),
    'controller.quorum.voters': nodes.map(n => `${n.id}@127.0.0.1:${n.controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${plan.port},CONTROLLER://127.0.0.1:${plan.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${plan.port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    // Few threads and little memory, for a laptop that runs other programs too.
    'num.network.threads': '2',
    'num.io.threads': '2',
    'background.threads': '2',
    'log.cleaner.threads': '1',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'offsets.topic.num.partitions': '4',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'auto.create.topics.enable': 'false',
    // The first member of a group does not wait for others.
    'group.initial.rebalance.delay.ms': '0',
    // A killed node can register again only when its old session has expired. The default is 9 s.
    ...(nodes.length === 1
      ? { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '1000' }
      : {}),
  }
}

const format = (entries: Readonly<Record<string, string>>): string =>
  Object.entries(entries)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
