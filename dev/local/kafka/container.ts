import { freePort } from '../ports.js'
import { runCommand, which } from '../run-command.js'
import { kafkaUnavailable } from './java.js'

const IMAGE = 'apache/kafka:4.3.1'

/** Whether a Docker daemon responds. */
export async function dockerResponds(): Promise<boolean> {
  const docker = which('docker')
  if (!docker) return false
  const { code } = await runCommand(docker, ['info', '--format', '{{.ID}}'], { timeoutMs: 10_000 })
  return code === 0
}

export interface KafkaContainer {
  /** host:port */
  readonly address: string
  restart(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts one node in a container. The reaper of testcontainers removes the container when this
 * process ends.
 *
 * @throws Unavailable if testcontainers, a development dependency, is not installed
 */
export async function startContainer(
  properties: Readonly<Record<string, string>>,
): Promise<KafkaContainer> {
  const { GenericContainer, Wait } = await import('testcontainers').catch(() => {
    throw kafkaUnavailable(
      'Docker runs, but the development dependency testcontainers is not installed',
    )
  })
  // A broker advertises its address, so the port on the host must be known before the start.
  const port = await freePort()
  const container = await new GenericContainer(IMAGE)
    .withExposedPorts({ container: port, host: port })
    .withEnvironment({ ...environment(port), ...asEnvironment(properties) })
    .withWaitStrategy(Wait.forLogMessage('Kafka Server started'))
    .start()
  return {
    address: `127.0.0.1:${port}`,
    restart: () => container.restart(),
    stop: async () => {
      await container.stop()
    },
  }
}

function environment(port: number): Record<string, string> {
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://localhost:9093`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  }
}

/** Properties in the convention of the image: KAFKA_MESSAGE_MAX_BYTES for message.max.bytes. */
function asEnvironment(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [
      `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`,
      value,
    ]),
  )
}
