/** Kind of a connection error, by the error classes of kafkajs; undefined for other errors. */
export type ErrorKind = 'login' | 'closed' | 'connection'

const KINDS: Readonly<Record<string, ErrorKind | undefined>> = {
  KafkaJSSASLAuthenticationError: 'login',
  KafkaJSConnectionClosedError: 'closed',
  KafkaJSConnectionError: 'connection',
}

/** The error classes of kafkajs are internal; their names are the same in every copy of kafkajs. */
export function errorKind(error: unknown): ErrorKind | undefined {
  const { name } = (error ?? {}) as { name?: unknown }
  return typeof name === 'string' ? KINDS[name] : undefined
}
