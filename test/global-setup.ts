import type { TestProject } from 'vitest/node'
import { startKafka } from '../deploy/local/kafka.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The Kafka of this test run. Each test uses topics of its own; who means to break brokers starts own ones. */
    brokers: string[]
  }
}

/** One Kafka for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kafka = await startKafka({ log: message => console.error(message) })
  project.provide('brokers', kafka.brokers)
  return () => kafka.stop()
}
