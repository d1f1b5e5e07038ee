/** The environment variable of a flag: `kafka.session-timeout` is `KAFKA_SESSION_TIMEOUT`. */
export function variableOf(name: string): string {
  return name.replace(/[.-]/g, '_').toUpperCase()
}
