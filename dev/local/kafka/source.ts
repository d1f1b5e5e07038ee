import { dockerResponds } from './container.js'
import { hasJars, hasMaven } from './jars.js'
import { findJava } from './java.js'

/** What this machine offers to run a Kafka. */
export interface Machine {
  /** KAFKA_BROKERS. */
  readonly brokers: string | undefined
  /** KAFKA_EXPOSER_KAFKA: `docker` prefers Docker over Java and Maven. */
  readonly preference: string | undefined
  readonly java: boolean
  /** Whether the jars of Kafka are in the cache or Maven can fetch them. */
  readonly maven: boolean
  /** Whether Docker responds. Called only if it matters, because it is slow. */
  docker(): Promise<boolean>
}

export interface Requirements {
  readonly nodes: number
  /** Whether KAFKA_BROKERS is ignored. */
  readonly own: boolean
}

export type Source =
  | { readonly from: 'environment'; readonly brokers: readonly string[] }
  | { readonly from: 'maven' }
  | { readonly from: 'docker' }
  | { readonly from: 'none'; readonly reason: string }

/**
 * Prefers KAFKA_BROKERS, then child processes, then a container. A container starts more slowly,
 * has only one node and cannot be paused.
 */
export async function chooseSource(
  { nodes, own }: Requirements,
  machine: Machine,
): Promise<Source> {
  const brokers = (machine.brokers ?? '')
    .split(',')
    .map(broker => broker.trim())
    .filter(Boolean)
  if (brokers.length && !own && nodes === 1) return { from: 'environment', brokers }
  if (machine.preference && machine.preference !== 'docker') {
    return {
      from: 'none',
      reason: `KAFKA_EXPOSER_KAFKA=${machine.preference} is unknown; the only value is docker`,
    }
  }
  if (machine.preference && nodes === 1) {
    if (await machine.docker()) return { from: 'docker' }
    return {
      from: 'none',
      reason: 'KAFKA_EXPOSER_KAFKA=docker is set, but Docker does not respond',
    }
  }
  if (machine.java && machine.maven) return { from: 'maven' }
  if (nodes === 1 && (await machine.docker())) return { from: 'docker' }
  const missing = [machine.java ? '' : 'Java', machine.maven ? '' : 'Maven'].filter(Boolean)
  return {
    from: 'none',
    reason: `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
  }
}

export const thisMachine = (): Machine => ({
  brokers: process.env.KAFKA_BROKERS,
  preference: process.env.KAFKA_EXPOSER_KAFKA,
  java: findJava() !== null,
  maven: hasJars() || hasMaven(),
  docker: dockerResponds,
})
