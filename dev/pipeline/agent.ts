import { hostname } from 'node:os'
import { workerArgs, workerScript } from '../demo/worker/worker.js'
import { compiledScript } from '../local/compiled-script.js'
import type { LaunchedProgram, Program } from '../local/launch.js'
import type { AppLabels } from './health.js'
import { type Common, PORTS } from './programs.js'

const WORKER_JOB = 'worker'

/** The worker. @param python with the client library of Prometheus */
export const workerProgram = ({ logFileOf }: Common, python: string): Program => ({
  name: WORKER_JOB,
  command: python,
  script: workerScript,
  preferredPort: PORTS.worker,
  logFile: logFileOf(WORKER_JOB),
  args: workerArgs,
})

/** An agent for the metrics of this machine, which also scrapes the worker if there is one. */
export const agentProgram = (
  { kafka, logFileOf }: Common,
  worker: LaunchedProgram | null,
): Program => ({
  name: 'agent',
  script: compiledScript('cli/main.js'),
  preferredPort: PORTS.agent,
  logFile: logFileOf('agent'),
  args: port => [
    'agent',
    ...kafka,
    ...(worker ? [`--scrape.target=${WORKER_JOB}=${worker.url}/metrics`] : []),
    '--host.metrics=on',
    '--scrape.interval=5s',
    `--web.listen-address=127.0.0.1:${port}`,
  ],
})

/** The virtual targets of the agent. */
export const agentTargets = (worker: LaunchedProgram | null): AppLabels[] => [
  { job: 'node', instance: hostname() },
  ...(worker ? [{ job: WORKER_JOB, instance: `${hostname()}:${worker.port}` }] : []),
]
