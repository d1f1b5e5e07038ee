import { errorKind } from './wire/error-kind.js'

/** Names for the message, as far as they are known. */
export interface ErrorContext {
  readonly broker?: string
  readonly topic?: string
  readonly group?: string
}

/**
 * A failed request or connection. The message is one sentence for operators: what happened, where,
 * and what to do.
 *
 * `type` is the protocol's name of the error (`TOPIC_AUTHORIZATION_FAILED`), or one of
 * `CONNECTION`, `TIMEOUT`, `AUTHENTICATION`, `CLOSED`, `UNSUPPORTED`.
 */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'

  constructor(
    readonly type: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }

  /** Whether the connection failed, not the request: another connection may succeed. */
  get isConnectionError(): boolean {
    return this.type === 'CONNECTION' || this.type === 'TIMEOUT' || this.type === 'CLOSED'
  }

  /**
   * Whether the broker refuses the records themselves: other records may be accepted, these never.
   */
  get refusal(): boolean {
    return REFUSALS.has(this.type)
  }
}

/** The kind of an outage. A broken connection fails in several ways, all of one kind. */
export const outageKind = (error: KafkaError): string =>
  error.isConnectionError ? 'CONNECTION' : error.type

const REFUSALS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
])

interface Foreign {
  readonly type?: string
  readonly code?: string | number
  readonly message?: string
  readonly cause?: unknown
}

const ADVERTISED = 'check the broker list and `advertised.listeners` of the brokers'

const closedConnection = (broker: string) =>
  `${broker} closed the connection: check whether it restarted, or whether its listener requires TLS (\`ssl\`) or SASL`
const untrusted = (broker: string) =>
  `the CA of ${broker} is not trusted: set it as \`ssl.ca\`, or as \`ca_file\` in --kafka.config.file`

const SOCKET: Readonly<Record<string, (broker: string) => string>> = {
  ECONNREFUSED: b =>
    `nothing listens at ${b}: check that Kafka is running there and that the broker list is correct`,
  ENOTFOUND: b => `the host name of ${b} cannot be resolved: ${ADVERTISED}`,
  EAI_AGAIN: b =>
    `the host name of ${b} cannot be resolved at the moment: check DNS; ${ADVERTISED}`,
  ETIMEDOUT: b => `${b} does not respond: check the network and the firewalls`,
  EHOSTUNREACH: b => `${b} is unreachable: check the network; ${ADVERTISED}`,
  ENETUNREACH: b => `the network of ${b} is unreachable: check the network of this machine`,
  ECONNRESET: closedConnection,
  EPIPE: closedConnection,
  DEPTH_ZERO_SELF_SIGNED_CERT: b =>
    `${b} has a self-signed certificate: set it as \`ssl.ca\`, or as \`ca_file\` in --kafka.config.file`,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: b => `the certificate of ${b} has expired: renew it`,
  ERR_TLS_CERT_ALTNAME_INVALID: b =>
    `the certificate of ${b} is issued for another host name: check \`advertised.listeners\` of the broker`,
}

const topicOf = (c: ErrorContext) => (c.topic ? `topic ${c.topic}` : 'the topic')
const groupOf = (c: ErrorContext) => (c.group ? `consumer group ${c.group}` : 'the consumer group')

const PROTOCOL: Readonly<Record<string, (context: ErrorContext) => string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: c =>
    `${topicOf(c)} does not exist, or this user is not authorized to describe it: create it with \`kafka-exposer topic create\`, or grant Describe on it`,
  UNKNOWN_TOPIC_ID: c => `${topicOf(c)} was deleted or has just been created again`,
  INCONSISTENT_TOPIC_ID: c => `${topicOf(c)} was deleted and created again`,
  LEADER_NOT_AVAILABLE: c =>
    `a partition of ${topicOf(c)} has no leader at the moment: check that its brokers are running`,
  NOT_LEADER_FOR_PARTITION: c => `a partition of ${topicOf(c)} has moved to another broker`,
  TOPIC_AUTHORIZATION_FAILED: c =>
    `this user is not authorized to use ${topicOf(c)}: grant the ACLs that \`kafka-exposer topic check\` lists`,
  GROUP_AUTHORIZATION_FAILED: c =>
    `this user is not authorized to use ${groupOf(c)}: grant Read on it (\`kafka-exposer topic check\` prints the command)`,
  CLUSTER_AUTHORIZATION_FAILED: () =>
    'this user is not authorized to do this on the cluster: ask its administrator for the ACL',
  INCONSISTENT_GROUP_PROTOCOL: c =>
    `${groupOf(c)} is used by consumers of another program or version: give each program its own group (--kafka.group), or wait until the members of the other version have stopped`,
  FENCED_INSTANCE_ID: c =>
    `another process has joined ${groupOf(c)} with the instance id of this one`,
  INVALID_SESSION_TIMEOUT: () =>
    'the brokers do not allow this session timeout: set --kafka.session-timeout between their group.min.session.timeout.ms and group.max.session.timeout.ms',
  GROUP_MAX_SIZE_REACHED: c =>
    `${groupOf(c)} has reached its maximum size: increase group.max.size of the brokers`,
  NOT_ENOUGH_REPLICAS: c =>
    `too few replicas of ${topicOf(c)} are in sync to accept writes: start the missing brokers, or lower min.insync.replicas`,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: c =>
    `too few replicas of ${topicOf(c)} acknowledged the write: start the missing brokers, or lower min.insync.replicas`,
  REQUEST_TIMED_OUT: c =>
    `the replicas of a partition of ${topicOf(c)} did not acknowledge the write in time: check for an overloaded or unreachable broker`,
  MESSAGE_TOO_LARGE: c =>
    `${topicOf(c)} refuses records of this size: set its max.message.bytes to 1048588 or more`,
  RECORD_LIST_TOO_LARGE: c =>
    `${topicOf(c)} refuses batches of this size: increase its max.message.bytes`,
  INVALID_REPLICATION_FACTOR: () =>
    'there are too few brokers: start more, or choose a lower replication factor',
  INVALID_PARTITIONS: () => 'the number of partitions is invalid: choose 1 or more',
  INVALID_CONFIG: () => 'the cluster refuses a setting of the topic',
  POLICY_VIOLATION: () => 'a policy of the cluster refuses the request: ask its administrator',
  UNSUPPORTED_SASL_MECHANISM: () =>
    'the broker does not support this SASL mechanism: choose another one',
  SASL_AUTHENTICATION_FAILED: () => 'the broker refuses the user name or the password: check both',
  ILLEGAL_SASL_STATE: () =>
    'this listener of the broker does not use SASL: remove `sasl`, or use another port',
  GROUP_COORDINATOR_NOT_AVAILABLE: c =>
    `${groupOf(c)} has no coordinator at the moment: one is being elected`,
  GROUP_LOAD_IN_PROGRESS: c => `the coordinator is still loading ${groupOf(c)}`,
  NOT_COORDINATOR_FOR_GROUP: c => `the coordinator of ${groupOf(c)} has changed`,
}

/** Message of Node when the peer closes a connection during the TLS handshake. */
const TLS_CLOSED = /before secure TLS connection was established/i
/** OpenSSL's code of a first response that is not TLS. */
const NOT_TLS = 'ERR_SSL_WRONG_VERSION_NUMBER'

const plaintext = (broker: string) =>
  `${broker} does not respond to TLS: check whether its listener is a plaintext one; remove \`ssl\`, or use the port of its TLS listener`

/** Turns any error of a connection or request into a `KafkaError` with one clear sentence. */
export function explain(error: unknown, context: ErrorContext = {}): KafkaError {
  if (error instanceof KafkaError) return error
  const e = (error ?? {}) as Foreign
  const broker = context.broker ?? 'the broker'
  const at = context.broker ? ` (${context.broker})` : ''
  const wrap = (type: string, sentence: string) => new KafkaError(type, sentence, { cause: error })

  const kind = errorKind(error)
  if (kind === 'login' || e.type === 'SASL_AUTHENTICATION_FAILED') {
    return wrap(
      'AUTHENTICATION',
      `${broker} refuses the SASL login: check mechanism, user name and password`,
    )
  }
  if (e.type) {
    const { type } = e
    const known = PROTOCOL[type]
    return wrap(
      type,
      known ? `${known(context)}${at}` : `Kafka refused the request${at}: ${e.message} (${type})`,
    )
  }
  const code = typeof e.code === 'string' ? e.code : undefined
  if (TLS_CLOSED.test(e.message ?? '') || code === NOT_TLS)
    return wrap('CONNECTION', plaintext(broker))
  if (code && SOCKET[code]) return wrap('CONNECTION', SOCKET[code](broker))
  if (kind === 'closed') {
    return wrap('CLOSED', closedConnection(broker))
  }
  if (kind === 'connection') {
    if (/timeout/i.test(e.message ?? '')) return wrap('TIMEOUT', SOCKET.ETIMEDOUT!(broker))
    return wrap(
      'CONNECTION',
      `the connection to ${broker} failed: ${(e.message ?? '').replace(/^Connection error: /, '')}`,
    )
  }
  return wrap('UNKNOWN', `${e.message ?? String(error)}${at}`)
}
