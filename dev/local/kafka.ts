import { startCluster } from './kafka/cluster.js'
import { startContainer } from './kafka/container.js'
import { kafkaUnavailable } from './kafka/java.js'
import type { KafkaNode } from './kafka/node.js'
import { chooseSource, thisMachine } from './kafka/source.js'

export interface KafkaOptions {
  /** Number of nodes, 1 by default. With more than one, KAFKA_BROKERS is ignored. */
  readonly brokers?: number
  /** Whether KAFKA_BROKERS is ignored, for tests that kill or pause brokers. */
  readonly own?: boolean
  /** Additional broker properties. */
  readonly properties?: Readonly<Record<string, string>>
  /** Called with progress messages. */
  readonly log?: (message: string) => void
}

export interface LocalKafka {
  /** host:port */
  readonly brokers: string[]
  /** Process id of the first node. Null if the nodes are not child processes. */
  readonly pid: number | null
  readonly source: 'environment' | 'maven' | 'docker'
  /**
   * The nodes, to be killed, paused and restarted one by one. Empty if they are not child
   * processes.
   */
  readonly nodes: readonly KafkaNode[]
  /** Kills all nodes and removes their data. Has no effect on the cluster of KAFKA_BROKERS. */
  stop(): Promise<void>
  /** Sends a signal to all nodes, SIGKILL by default, and waits until they have exited. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Restarts all nodes on the same ports with the same data. */
  restart(): Promise<void>
  /** Sends SIGSTOP to all nodes. */
  pause(): void
  /** Sends SIGCONT to all nodes. */
  resume(): void
}

/**
 * Supplies a Kafka for development and tests: the cluster of KAFKA_BROKERS, else child processes
 * with jars from Maven, else a Docker container. KAFKA_EXPOSER_KAFKA=docker prefers Docker. Child
 * processes, containers and data are removed when this process ends.
 *
 * @throws Unavailable with what to do if none of these is possible
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
    case 'none':
      throw kafkaUnavailable(source.reason)
  }
}

/** A running cluster, which cannot be stopped here. */
export function existingKafka(brokers: readonly string[]): LocalKafka {
  const refuse = (): never => {
    throw new Error('the brokers of KAFKA_BROKERS cannot be stopped; use startKafka({ own: true })')
  }
  return {
    brokers: [...brokers],
    pid: null,
    source: 'environment',
    nodes: [],
    stop: async () => {},
    kill: async () => refuse(),
    restart: async () => refuse(),
    pause: refuse,
    resume: refuse,
  }
}

function fromMaven({
  nodes,
  stop,
}: {
  nodes: readonly KafkaNode[]
  stop(): Promise<void>
}): LocalKafka {
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
  const refuse = (): never => {
    throw new Error(
      'a Kafka in Docker can only be restarted; install Java 17 and Maven to pause or kill it',
    )
  }
  return {
    brokers: [container.address],
    pid: null,
    source: 'docker',
    nodes: [],
    stop: () => container.stop(),
    kill: async () => refuse(),
    restart: () => container.restart(),
    pause: refuse,
    resume: refuse,
  }
}
