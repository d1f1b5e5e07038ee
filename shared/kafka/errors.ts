import { errorKind } from './wire/error-kind.js'

/** What the sentence is about, as far as it is known. */
export interface ErrorContext {
  readonly broker?: string
  readonly topic?: string
  readonly group?: string
}

/**
 * Something that Kafka, or the way to it, refused. The message is one sentence for people: what happened, where, what to do.
 *
 * `type` is the protocol's name of the error (`TOPIC_AUTHORIZATION_FAILED`), or one of `CONNECTION`, `TIMEOUT`,
 * `AUTHENTICATION`, `CLOSED`, `UNSUPPORTED`.
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

  /** The way to the broker failed, not the request: another connection may do better. */
  get isConnectionError(): boolean {
    return this.type === 'CONNECTION' || this.type === 'TIMEOUT' || this.type === 'CLOSED'
  }

  /** The records themselves are refused: others may be taken, and these will not be. */
  get refusal(): boolean {
    return REFUSALS.has(this.type)
  }
}

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

const ADVERTISED =
  'it is what the cluster advertises or what was configured as broker: check the broker list and `advertised.listeners`'

const SOCKET: Readonly<Record<string, (broker: string) => string>> = {
  ECONNREFUSED: b => `nothing listens at ${b}: is Kafka running there, and is the broker list right?`,
  ENOTFOUND: b => `the host name of ${b} is not known here: ${ADVERTISED}`,
  EAI_AGAIN: b => `the host name of ${b} cannot be looked up right now: check DNS; ${ADVERTISED}`,
  ETIMEDOUT: b => `${b} does not answer: check the network and firewalls on the way`,
  EHOSTUNREACH: b => `there is no route to ${b}: check the network; ${ADVERTISED}`,
  ENETUNREACH: b => `there is no network to ${b}: check the network`,
  ECONNRESET: b => `${b} cut the connection: was it restarted, or does it expect TLS (\`ssl\`) or SASL?`,
  EPIPE: b => `${b} cut the connection: was it restarted, or does it expect TLS (\`ssl\`) or SASL?`,
  DEPTH_ZERO_SELF_SIGNED_CERT: b => `${b} has a self-signed certificate: give its CA in \`ssl.ca\``,
  SELF_SIGNED_CERT_IN_CHAIN: b =>
    `the CA of ${b} is not trusted here: give it in \`ssl.ca\`, or as \`ca_file\` in --kafka.config.file`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: b =>
    `the CA of ${b} is not trusted here: give it in \`ssl.ca\`, or as \`ca_file\` in --kafka.config.file`,
  CERT_HAS_EXPIRED: b => `the certificate of ${b} has expired: renew it`,
  ERR_TLS_CERT_ALTNAME_INVALID: b =>
    `the certificate of ${b} is for another host name: check \`advertised.listeners\``,
}

const topicOf = (c: ErrorContext) => (c.topic ? `topic ${c.topic}` : 'the topic')
const groupOf = (c: ErrorContext) => (c.group ? `consumer group ${c.group}` : 'the consumer group')

const PROTOCOL: Readonly<Record<string, (context: ErrorContext) => string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: c =>
    `${topicOf(c)} does not exist, or this user may not see it: create it with \`kafka-exposer topic create\`, or grant Describe on it`,
  UNKNOWN_TOPIC_ID: c => `${topicOf(c)} was deleted, or created anew just now`,
  INCONSISTENT_TOPIC_ID: c => `${topicOf(c)} was deleted and created anew`,
  LEADER_NOT_AVAILABLE: c =>
    `a partition of ${topicOf(c)} has no leader right now: check that enough brokers are up`,
  NOT_LEADER_FOR_PARTITION: c => `a partition of ${topicOf(c)} has moved to another broker`,
  TOPIC_AUTHORIZATION_FAILED: c =>
    `this user may not use ${topicOf(c)}: grant what \`kafka-exposer topic check\` lists`,
  GROUP_AUTHORIZATION_FAILED: c =>
    `this user may not use ${groupOf(c)}: grant Read on it (\`kafka-exposer topic check\` lists the command)`,
  CLUSTER_AUTHORIZATION_FAILED: () =>
    'this user may not do that to the cluster: ask its administrator for the grant',
  INCONSISTENT_GROUP_PROTOCOL: c =>
    `${groupOf(c)} is used by another kind of consumer: give each program a group of its own (--kafka.group)`,
  INVALID_SESSION_TIMEOUT: () =>
    "the session timeout is outside of what the brokers allow: set --kafka.session-timeout between the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms",
  GROUP_MAX_SIZE_REACHED: c => `${groupOf(c)} is full: raise the brokers' group.max.size`,
  NOT_ENOUGH_REPLICAS: c =>
    `too few replicas of ${topicOf(c)} are in sync to accept writes: bring brokers back, or lower min.insync.replicas`,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: c =>
    `too few replicas of ${topicOf(c)} confirmed the write: bring brokers back, or lower min.insync.replicas`,
  REQUEST_TIMED_OUT: c =>
    `the replicas of a partition of ${topicOf(c)} did not confirm the write in time: is a broker overloaded or cut off?`,
  MESSAGE_TOO_LARGE: c =>
    `${topicOf(c)} refuses records of this size: raise its max.message.bytes to 1048588 or more`,
  RECORD_LIST_TOO_LARGE: c => `${topicOf(c)} refuses batches of this size: raise its max.message.bytes`,
  INVALID_REPLICATION_FACTOR: () =>
    'there are fewer brokers than replicas asked for: choose a lower replication factor',
  INVALID_PARTITIONS: () => 'the number of partitions is not acceptable: choose 1 or more',
  INVALID_CONFIG: () => "the cluster refuses one of the topic's settings",
  POLICY_VIOLATION: () => "the cluster's policy refuses the request: ask its administrator",
  UNSUPPORTED_SASL_MECHANISM: () => 'the broker does not offer this SASL mechanism: choose another one',
  SASL_AUTHENTICATION_FAILED: () => 'the broker refuses the user name or the password',
  ILLEGAL_SASL_STATE: () => 'the broker expects no SASL on this listener: leave it out, or use another port',
  GROUP_COORDINATOR_NOT_AVAILABLE: c => `no broker coordinates ${groupOf(c)} right now: it is being elected`,
  GROUP_LOAD_IN_PROGRESS: c => `the broker is still loading ${groupOf(c)}`,
  NOT_COORDINATOR_FOR_GROUP: c => `another broker coordinates ${groupOf(c)} now`,
}

/** Any error on the way to Kafka and back, as one clear sentence. */
export function explain(error: unknown, context: ErrorContext = {}): KafkaError {
  if (error instanceof KafkaError) return error
  const e = (error ?? {}) as Foreign
  const broker = context.broker ?? 'the broker'
  const at = context.broker ? ` (${context.broker})` : ''
  const wrap = (type: string, sentence: string) => new KafkaError(type, sentence, { cause: error })

  const kind = errorKind(error)
  if (kind === 'login' || e.type === 'SASL_AUTHENTICATION_FAILED') {
    return wrap('AUTHENTICATION', `${broker} refuses the SASL login: check mechanism, user name and password`)
  }
  if (e.type) {
    const { type } = e
    const known = PROTOCOL[type]
    return wrap(
      type,
      known ? `${known(context)}${at}` : `Kafka refuses the request${at}: ${e.message} (${type})`,
    )
  }
  const code = typeof e.code === 'string' ? e.code : undefined
  if (code && SOCKET[code]) return wrap('CONNECTION', SOCKET[code](broker))
  if (kind === 'closed') {
    return wrap(
      'CLOSED',
      `${broker} closed the connection: was it restarted, or does it expect TLS (\`ssl\`) or SASL?`,
    )
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
