import { agent } from './agent.js'
import { gateway } from './gateway.js'
import { lists } from './lists.js'
import { loop } from './loop.js'
import { peers } from './peers.js'
import { drain, idleShard, million, scrape, withKafka } from './pipeline.js'
import { readBack } from './read-back.js'
import { receiver } from './receiver.js'
import { remoteWrite } from './remote-write/index.js'
import type { Row } from './table.js'
import { targets } from './targets.js'
import { whole } from './whole.js'

export interface Bench {
  readonly measures: string
  /** Whose time or memory the figures are. */
  readonly process: string
  run(options: BenchOptions): Promise<Row[]>
}

export interface BenchOptions {
  /** Folder of another checkout, whose build is measured too. */
  readonly against?: string
}

const IN_PROCESS = 'the benchmark itself, CPU time of all its threads'
const SHARD = 'the shard, a process of its own: CPU time of all its threads'

/** By name, in the order in which they run. */
export const benches: Readonly<Record<string, Bench>> = {
  codec: {
    measures: 'encoding and decoding of records',
    process: IN_PROCESS,
    run: async () => (await import('./codec.bench.js')).run(),
  },
  publisher: {
    measures: 'what a publisher costs its application',
    process: 'the application, CPU time of all its threads',
    run: async () => (await import('./publisher.bench.js')).run(),
  },
  text: {
    measures: 'readers of the text formats',
    process: IN_PROCESS,
    run: async () => (await import('./text.bench.js')).run(),
  },
  outbox: {
    measures: 'sending for many targets',
    process: IN_PROCESS,
    run: async () => (await import('./outbox.bench.js')).run(),
  },
  render: {
    measures: 'rendering of targets and views',
    process: IN_PROCESS,
    run: async () => (await import('./render.bench.js')).run(),
  },
  model: {
    measures: 'the metric model and its mapping to records',
    process: IN_PROCESS,
    run: async () => (await import('./model.bench.js')).run(),
  },
  snappy: {
    measures: 'the snappy decoder',
    process: IN_PROCESS,
    run: async () => (await import('./snappy.bench.js')).run(),
  },
  mirrors: {
    measures: 'snapshots of what comes by remote write',
    process: IN_PROCESS,
    run: async () => (await import('./mirrors.bench.js')).run(),
  },
  drain: {
    measures: 'a shard that consumes a backlog, with Kafka',
    process: SHARD,
    run: () =>
      withKafka(async bench => [
        await drain(bench, { targets: 100, series: 1000 }, 30, 15),
        await drain(bench, { targets: 1000, series: 100 }, 30, 4),
      ]),
  },
  scrape: {
    measures: 'scrapes of a shard, with Kafka',
    process: SHARD,
    run: () => withKafka(scrape),
  },
  targets: {
    measures: 'scrapes of a thousand virtual targets, with Kafka',
    process: SHARD,
    run: ({ against }) => withKafka(bench => targets(bench, against)),
  },
  million: {
    measures: 'a shard with a million series, with Kafka',
    process: SHARD,
    run: () =>
      withKafka(async bench => [...(await million(bench, false)), ...(await million(bench, true))]),
  },
  lists: {
    measures: '/sd of 100,000 targets, in one shard and in a hundred',
    process: IN_PROCESS,
    run: lists,
  },
  'read-back': {
    measures: 'reading the log before the replay window, with Kafka',
    process: SHARD,
    run: () =>
      withKafka(async bench => [
        ...(await readBack(bench, { targets: 200, series: 1000 }, 150)),
        ...(await readBack(bench, { targets: 2000, series: 30 }, 50)),
      ]),
  },
  loop: {
    measures: 'the longest turn of a shard that sees new layouts, with Kafka',
    process: 'the main thread of the shard',
    run: () => withKafka(loop),
  },
  peers: {
    measures: 'Telegraf next to a shard, with Kafka',
    process: 'Telegraf in proportion to the shard, CPU time of all threads of each',
    run: () => withKafka(peers),
  },
  gateway: {
    measures: 'a gateway next to Pushgateway, with Kafka and Redis',
    process: 'the gateway or the Pushgateway, CPU time of all its threads',
    run: () => withKafka(gateway),
  },
  'remote-write': {
    measures: 'remote write of a shard, with Kafka',
    process: SHARD,
    run: () => withKafka(remoteWrite),
  },
  receiver: {
    measures: 'remote write into Kafka, next to Prometheus',
    process: 'codecs in the benchmark, else the named program; CPU time of all threads',
    run: () => withKafka(receiver),
  },
  agent: {
    measures: 'an agent next to node_exporter and a Prometheus agent, with Kafka',
    process: 'the agent, node_exporter or Prometheus, CPU time of all its threads',
    run: () => withKafka(agent),
  },
  whole: {
    measures: 'CPU time of Prometheus, exposer and Kafka for a million samples',
    process: 'the named processes, CPU time of all their threads',
    run: () => withKafka(whole),
  },
  idle: {
    measures: 'a shard without targets, with Kafka',
    process: SHARD,
    run: () => withKafka(async bench => [await idleShard(bench)]),
  },
}
