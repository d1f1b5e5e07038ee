import { startCluster } from './kafka/cluster.js'
import { startContainer } from './kafka/container.js'
import { kafkaUnavailable } from './kafka/java.js'
import type { KafkaNode } from './kafka/node.js'
import { chooseSource, thisMachine } from './kafka/source.js'

export interface KafkaOptions {
  /** How many nodes, 1 by default. More than one are never those of KAFKA_BROKERS. */
  readonly brokers?: number
  /** A broker of one's own even when KAFKA_BROKERS is set: for those who mean to break it. */
  readonly own?: boolean
  /** Broker properties beyond the usual ones. */
  readonly properties?: Readonly<Record<string, string>>
  /** Told what takes long. */
  readonly log?: (message: string) => void
}

export interface LocalKafka {
  /** host:port */
  readonly brokers: string[]
  /** Of the first node; null when it is not a process of ours. */
  readonly pid: number | null
  readonly source: 'environment' | 'maven' | 'docker'
  /** Each node by itself, to be killed, paused and restarted; empty when they are not processes of ours. */
  readonly nodes: readonly KafkaNode[]
  /** Ends all nodes and removes their data; leaves a cluster of KAFKA_BROKERS alone. */
  stop(): Promise<void>
  /** SIGKILL by default. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** All nodes, on the same ports with the same data. */
  restart(): Promise<void>
  /** SIGSTOP. */
  pause(): void
  /** SIGCONT. */
  resume(): void
}

/**
 * A Kafka for development and tests: that of KAFKA_BROKERS, else of Maven as child processes on free ports, else in
 * Docker, which KAFKA_EXPOSER_KAFKA=docker prefers. Nothing of it survives this process.
 *
 * @throws Unavailable when there is no way, with what to do
 */
export async function startKafka(options: KafkaOptions = {}): Promise<LocalKafka> {
  const { brokers = 1, own = false, properties = {}, log = () => {} } = options
  const source = await chooseSource({ nodes: brokers, own }, thisMachine())
  switch (source.from) {
    case 'environment':
      return existingKafka(source.brokers)
    case 'maven':
      return fromMaven(await startCluster({ brokers, properties, log }))
    case 'docker':
      log('starting Kafka in Docker')
      return fromDocker(await startContainer(properties))
    case 'nowhere':
      throw kafkaUnavailable(source.why)
  }
}

/** A cluster that is there already, and not ours to stop. */
export function existingKafka(brokers: readonly string[]): LocalKafka {
  const notOurs = (): never => {
    throw new Error('the brokers of KAFKA_BROKERS are not ours to stop: ask for startKafka({ own: true })')
  }
  return {
    brokers: [...brokers],
    pid: null,
    source: 'environment',
    nodes: [],
    stop: async () => {},
    kill: async () => notOurs(),
    restart: async () => notOurs(),
    pause: notOurs,
    resume: notOurs,
  }
}

function fromMaven({ nodes, stop }: { nodes: readonly KafkaNode[]; stop(): Promise<void> }): LocalKafka {
  return {
    brokers: nodes.map(node => node.address),
    get pid() {
      return nodes[0].pid
    },
    source: 'maven',
    nodes,
    stop,
    kill: async signal => {
      await Promise.all(nodes.map(node => node.kill(signal)))
    },
    restart: async () => {
      await Promise.all(nodes.map(node => node.restart()))
    },
    pause: () => {
      for (const node of nodes) node.pause()
    },
    resume: () => {
      for (const node of nodes) node.resume()
    },
  }
}

function fromDocker(container: Awaited<ReturnType<typeof startContainer>>): LocalKafka {
  const cannot = (): never => {
    throw new Error('a Kafka in Docker can be restarted, not paused: install Java 17 and Maven for that')
  }
  return {
    brokers: [container.address],
    pid: null,
    source: 'docker',
    nodes: [],
    stop: () => container.stop(),
    kill: async () => cannot(),
    restart: () => container.restart(),
    pause: cannot,
    resume: cannot,
  }
}
