import type { TestProject } from 'vitest/node'
import { startKafka } from '../dev/local/kafka.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /**
     * The shared Kafka of the test run. Each test uses its own topics. Tests that break brokers
     * start their own.
     */
    brokers: string[]
  }
}

/** Starts the shared Kafka of the test run. Tests fetch the other parts that they need. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kafka = await startKafka({ log: message => console.error(message) })
  project.provide('brokers', kafka.brokers)
  return () => kafka.stop()
}
