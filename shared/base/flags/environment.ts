/** The environment variable of a flag: `KAFKA_SESSION_TIMEOUT` for `kafka.session-timeout`. */
export function variableOf(name: string): string {
  return name.replace(/[.-]/g, '_').toUpperCase()
}
