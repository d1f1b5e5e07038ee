import type { TestProject } from 'vitest/node'
import { startKafka } from '../dev/local/kafka.js'
import { fetchPrometheus } from '../dev/local/prometheus.js'
import { Unavailable } from '../dev/local/run-command.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The Kafka of this test run. Each test uses topics of its own; who means to break brokers starts own ones. */
    brokers: string[]
  }
}

/**
 * One Kafka for the whole run; and a Prometheus is fetched, so that every test file finds one. Where none can be had, the
 * tests that need it are skipped, and this says so; in CI they fail.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = (message: string) => console.error(message)
  const [kafka] = await Promise.all([startKafka({ log }), fetchPrometheus(log).catch(sayLoudly)])
  project.provide('brokers', kafka.brokers)
  return () => kafka.stop()
}

function sayLoudly(error: unknown): void {
  if (!(error instanceof Unavailable)) throw error
  console.error(`\n*** Tests that need a Prometheus are SKIPPED. ${error.message} ***\n`)
}
