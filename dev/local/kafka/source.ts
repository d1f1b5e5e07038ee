import { dockerAnswers } from './container.js'
import { hasJars, hasMaven } from './jars.js'
import { findJava } from './java.js'

/** What this machine has to get a Kafka from. */
export interface Machine {
  /** KAFKA_BROKERS */
  readonly given: string | undefined
  /** KAFKA_EXPOSER_KAFKA: `docker` prefers Docker where Java and Maven are there too. */
  readonly asked: string | undefined
  readonly java: boolean
  /** Kafka itself was fetched before, or Maven can fetch it. */
  readonly maven: boolean
  /** Asked only when it matters: it takes a while to find out. */
  docker(): Promise<boolean>
}

export interface Wanted {
  readonly nodes: number
  /** Not that of KAFKA_BROKERS. */
  readonly own: boolean
}

export type Source =
  | { readonly from: 'environment'; readonly brokers: readonly string[] }
  | { readonly from: 'maven' }
  | { readonly from: 'docker' }
  | { readonly from: 'nowhere'; readonly why: string }

/**
 * KAFKA_BROKERS, else processes of our own, else a container: it starts slower, has one node only, and cannot be paused.
 */
export async function chooseSource({ nodes, own }: Wanted, machine: Machine): Promise<Source> {
  const given = (machine.given ?? '')
    .split(',')
    .map(broker => broker.trim())
    .filter(Boolean)
  if (given.length && !own && nodes === 1) return { from: 'environment', brokers: given }
  if (machine.asked && machine.asked !== 'docker') {
    return { from: 'nowhere', why: `KAFKA_EXPOSER_KAFKA=${machine.asked} is not known, there is: docker` }
  }
  if (machine.asked && nodes === 1) {
    if (await machine.docker()) return { from: 'docker' }
    return { from: 'nowhere', why: 'KAFKA_EXPOSER_KAFKA=docker, and no Docker answers' }
  }
  if (machine.java && machine.maven) return { from: 'maven' }
  if (nodes === 1 && (await machine.docker())) return { from: 'docker' }
  const missing = [machine.java ? '' : 'Java', machine.maven ? '' : 'Maven'].filter(Boolean)
  return { from: 'nowhere', why: `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing` }
}

export const thisMachine = (): Machine => ({
  given: process.env.KAFKA_BROKERS,
  asked: process.env.KAFKA_EXPOSER_KAFKA,
  java: findJava() !== null,
  maven: hasJars() || hasMaven(),
  docker: dockerAnswers,
})
