import { compiledScript } from '../local/compiled-script.js'
import type { Program } from '../local/launch.js'
import { gatewayFlags } from './gateway.js'

/** Preferred ports. */
export const PORTS = {
  front: 9750,
  gateway: 9753,
  shards: 9754,
  agent: 9752,
  apps: 9771,
  worker: 9781,
  prometheus: 9090,
}
const SHARDS = 2
/** Demo apps by the name of their job. */
export const JOBS = ['shop', 'payments', 'catalog']

/** What the programs of a pipeline have in common. */
export interface Common {
  /** Flags of the brokers and of the topic of the snapshots. */
  readonly kafka: readonly string[]
  readonly topic: string
  readonly group: string
  readonly logFileOf: (name: string) => string
}

const listen = (port: number) => `--web.listen-address=127.0.0.1:${port}`

/**
 * @param externalUrl address at which Prometheus reaches all shards
 * @param timestamps value of `--exposition.timestamps`
 */
export const shardPrograms = (
  { kafka, group, logFileOf }: Common,
  externalUrl: string,
  timestamps: string,
): Program[] =>
  Array.from({ length: SHARDS }, (_, i) => ({
    name: `shard-${i + 1}`,
    script: compiledScript('cli/main.js'),
    preferredPort: PORTS.shards + i,
    logFile: logFileOf(`shard-${i + 1}`),
    args: port => [
      'exposer',
      ...kafka,
      `--kafka.group=${group}`,
      listen(port),
      `--web.advertise-address=http://127.0.0.1:${port}`,
      `--web.external-url=${externalUrl}`,
      `--exposition.timestamps=${timestamps}`,
    ],
  }))

export const appPrograms = ({ kafka, logFileOf }: Common): Program[] =>
  JOBS.map((job, i) => ({
    name: job,
    script: compiledScript('dev/demo/main.js'),
    preferredPort: PORTS.apps + i,
    logFile: logFileOf(job),
    args: port => [job, ...kafka, listen(port)],
  }))

export const gatewayProgram = ({ kafka, topic, group, logFileOf }: Common): Program => ({
  name: 'gateway',
  script: compiledScript('cli/main.js'),
  preferredPort: PORTS.gateway,
  logFile: logFileOf('gateway'),
  args: port => ['gateway', ...kafka, ...gatewayFlags(topic, group), listen(port)],
})
