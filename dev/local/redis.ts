import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRunFolder, removeRunFolder } from './folders.js'
import { freePorts } from './ports.js'
import { formCluster } from './redis/cluster.js'
import { PortTaken, RedisNode } from './redis/node.js'
import { fetchPart } from './supply.js'

export interface LocalRedis {
  /** The servers. With Sentinel and in a Cluster, the masters are first. */
  readonly nodes: readonly RedisNode[]
  /** Addresses that a client is given: the servers, or the Sentinels. */
  readonly endpoints: readonly string[]
  /** Kills all processes and removes their data. */
  stop(): Promise<void>
}

/** Name of the master in the Sentinels. */
export const SENTINEL_MASTER = 'pushes'

/** Nothing is written to disk: kill -9 of a server loses all that no replica has. */
const MEMORY_ONLY = ['--save', '', '--appendonly', 'no', '--loglevel', 'notice']

/**
 * Starts a Redis server on a free port.
 *
 * @param args additional command-line arguments, such as `--requirepass`
 */
export function startRedis(
  args: readonly string[] = [],
  password?: string,
): Promise<LocalRedis & { readonly node: RedisNode }> {
  return startNodes(1, async (create, [port]) => {
    const node = create({ name: 'redis', port, args: serverArgs(port, args), password })
    await node.start()
    return { nodes: [node], endpoints: [node.endpoint], node }
  })
}

/** Starts a master, a replica and three Sentinels, which fail over within two seconds. */
export function startRedisSentinel(): Promise<LocalRedis> {
  return startNodes(5, async (create, ports, folder) => {
    const [first, second, ...others] = ports
    const master = create({ name: 'redis-1', port: first, args: serverArgs(first) })
    const replicaOf = ['--replicaof', `127.0.0.1 ${first}`, '--repl-diskless-sync-delay', '0']
    const replica = create({ name: 'redis-2', port: second, args: serverArgs(second, replicaOf) })
    await master.start()
    await replica.start()
    await untilTrue(async () =>
      /state=online/.test(String(await master.run('info', 'replication'))),
    )
    const sentinels = others.map((port, i) => {
      const file = join(folder, `sentinel-${i + 1}.conf`)
      writeFileSync(file, sentinelConfiguration(port, first))
      return create({ name: `sentinel-${i + 1}`, port, args: [file, '--sentinel'] })
    })
    await Promise.all(sentinels.map(node => node.start()))
    await untilTrue(async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean))
    return { nodes: [master, replica], endpoints: sentinels.map(node => node.endpoint) }
  })
}

/** Starts a Redis Cluster of three masters with one replica each. */
export function startRedisCluster(): Promise<LocalRedis> {
  return startNodes(12, async (create, ports) => {
    const nodes = Array.from({ length: 6 }, (_, i) => {
      const [port, bus] = [ports[2 * i], ports[2 * i + 1]]
      const cluster = ['--cluster-enabled', 'yes', '--cluster-port', `${bus}`]
      // A dead master must not stop the others.
      const coverage = ['--cluster-require-full-coverage', 'no']
      const timing = ['--cluster-node-timeout', '1500', '--repl-diskless-sync-delay', '0']
      const args = serverArgs(port, [...cluster, ...coverage, ...timing])
      return { node: create({ name: `redis-${i + 1}`, port, args }), bus }
    })
    await Promise.all(nodes.map(({ node }) => node.start()))
    await formCluster(nodes, untilTrue)
    return {
      nodes: nodes.map(({ node }) => node),
      endpoints: nodes.map(({ node }) => node.endpoint),
    }
  })
}

const serverArgs = (port: number, args: readonly string[] = []): string[] => [
  ...['--port', `${port}`, '--bind', '127.0.0.1', ...MEMORY_ONLY],
  ...args,
]

const sentinelConfiguration = (port: number, master: number): string =>
  [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${SENTINEL_MASTER} 127.0.0.1 ${master} 2`,
    `sentinel down-after-milliseconds ${SENTINEL_MASTER} 1000`,
    `sentinel failover-timeout ${SENTINEL_MASTER} 5000`,
    '',
  ].join('\n')

/** Whether a Sentinel knows the two others and the replica. */
async function knowsAll(sentinel: RedisNode): Promise<boolean> {
  const about = (await sentinel.run('sentinel', 'master', SENTINEL_MASTER)) as string[]
  const field = (name: string) => Number(about[about.indexOf(name) + 1])
  return field('num-other-sentinels') === 2 && field('num-slaves') === 1
}

type Create = (plan: ConstructorParameters<typeof RedisNode>[2]) => RedisNode

async function startNodes<T extends Omit<LocalRedis, 'stop'>>(
  ports: number,
  start: (create: Create, ports: readonly number[], folder: string) => Promise<T>,
): Promise<T & LocalRedis> {
  const command = await fetchPart('redis')
  for (let attempt = 1; ; attempt++) {
    const folder = createRunFolder('redis')
    const created: RedisNode[] = []
    const create: Create = plan => {
      const node = new RedisNode(command, folder, plan)
      created.push(node)
      return node
    }
    const stop = async () => {
      await Promise.all(created.map(node => node.kill()))
      removeRunFolder(folder)
    }
    try {
      return { ...(await start(create, await freePorts(ports), folder)), stop }
    } catch (error) {
      await stop()
      // A port was free when it was chosen, but another process has taken it since.
      if (!(error instanceof PortTaken) || attempt === 10) throw error
    }
  }
}

async function untilTrue(condition: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 20_000; !(await condition()); ) {
    if (performance.now() > until) throw new Error('Redis did not form its topology within 20 s')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
