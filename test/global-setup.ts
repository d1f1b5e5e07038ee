import type { TestProject } from 'vitest/node'
import { startKafka } from '../dev/local/kafka.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The Kafka of this test run. Each test uses topics of its own; who means to break brokers starts own ones. */
    brokers: string[]
  }
}

/** One Kafka for the whole run. Other parts are fetched by the tests that need them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kafka = await startKafka({ log: message => console.error(message) })
  project.provide('brokers', kafka.brokers)
  return () => kafka.stop()
}
