import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type LocalPrometheus, startPrometheus } from '../../../dev/local/prometheus.js'
import { instanceOf } from '../backlog.js'
import type { Row } from '../table.js'
import { cpuOf } from '../usage.js'
import { ReceiverProcess } from './receiver-process.js'
import { PROTOBUF, type Protocol } from './sending.js'

const TARGETS = 100
const SERIES = 1000
const INTERVAL_S = 2
const RUN_MS = 30_000
/** With it types and help texts are in requests of protocol 2.0, as a shard sends them. */
const METADATA = ['--enable-feature=metadata-wal-records']

/** The applications of a backlog, which are scraped instead. */
class Applications {
  private constructor(
    private readonly child: ChildProcess,
    private readonly port: number,
  ) {}

  static async start(): Promise<Applications> {
    const program = fileURLToPath(new URL('./workload-targets.js', import.meta.url))
    const child = fork(program, [String(SERIES)])
    const [port] = await once(child, 'message')
    return new Applications(child, port)
  }

  /** The configuration of a Prometheus that gives them the labels of the backlog. */
  config(remoteWrite: readonly object[]): object {
    return {
      global: { scrape_interval: `${INTERVAL_S}s`, scrape_timeout: `${INTERVAL_S}s` },
      scrape_configs: [
        {
          job_name: 'api',
          static_configs: Array.from({ length: TARGETS }, (_, i) => ({
            targets: [`127.0.0.1:${this.port}`],
            labels: { instance: instanceOf(i), __metrics_path__: `/${i}` },
          })),
        },
      ],
      remote_write: remoteWrite,
    }
  }

  stop(): void {
    this.child.disconnect()
  }
}

const pause = () => new Promise<void>(resolve => setTimeout(resolve, RUN_MS))

/**
 * Measures what sending adds to a Prometheus that scrapes applications, next to one that scrapes the
 * same ones and sends nothing.
 */
export async function prometheusSends(protocol: Protocol): Promise<Row[]> {
  const receiver = await ReceiverProcess.start()
  const applications = await Applications.start()
  const remote = { url: receiver.url, protobuf_message: PROTOBUF[protocol] }
  const started: LocalPrometheus[] = []
  let [samples, bytes, added] = [0, 0, 0]
  try {
    const silent = await startPrometheus({ config: applications.config([]), flags: METADATA })
    started.push(silent)
    const sending = await startPrometheus({
      config: applications.config([remote]),
      flags: METADATA,
    })
    started.push(sending)
    const all = started.map(({ pid }) => pid)
    // Without the creation of all series.
    await pause()
    const before = await receiver.received()
    const [silentBefore, sendingBefore] = all.map(cpuOf)
    await pause()
    const [silentAfter, sendingAfter] = all.map(cpuOf)
    const after = await receiver.received()
    samples = after.samples - before.samples
    bytes = after.bytes - before.bytes
    added = sendingAfter! - sendingBefore! - (silentAfter! - silentBefore!)
  } finally {
    for (const prometheus of started) await prometheus.stop()
    applications.stop()
    await receiver.stop()
  }
  return [
    {
      work: `Prometheus 3.5 sends ${TARGETS} targets × ${SERIES} series to a null receiver, protocol ${protocol}: what sending adds to it`,
      figure:
        added > 0 ? `${(samples / 1e6 / added).toFixed(2)} M samples/CPU-s` : 'lost in the noise',
      note: `${RUN_MS / 1000} s after as many; scraped every ${INTERVAL_S} s; one that scrapes the same and sends nothing is subtracted; it reads from its own log, not from Kafka`,
    },
    {
      work: `bytes per sample on the wire of Prometheus, protocol ${protocol}`,
      figure: `${(bytes / Math.max(1, samples)).toFixed(1)} B`,
      note: 'compressed bodies; the series, labels and values of the rows above',
    },
  ]
}
