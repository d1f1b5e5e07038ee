/** What of the way to a broker has failed, by the client library's own errors; undefined for errors of others. */
export type ErrorKind = 'login' | 'closed' | 'connection'

const KINDS: Readonly<Record<string, ErrorKind | undefined>> = {
  KafkaJSSASLAuthenticationError: 'login',
  KafkaJSConnectionClosedError: 'closed',
  KafkaJSConnectionError: 'connection',
}

/** The library's classes are not its interface; their names are the same in every copy of it. */
export function errorKind(error: unknown): ErrorKind | undefined {
  const { name } = (error ?? {}) as { name?: unknown }
  return typeof name === 'string' ? KINDS[name] : undefined
}
