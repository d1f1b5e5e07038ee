import { type LocalPrometheus, startPrometheus } from '../../../dev/local/prometheus.js'
import { ServedTargets } from '../agent/served-targets.js'
import type { Row } from '../table.js'
import { cpuOf } from '../usage.js'
import { ReceiverProcess } from './receiver-process.js'
import { PROTOBUF, type Protocol } from './sending.js'

const TARGETS = 100
const SERIES = 1000
const INTERVAL_S = 2
const RUN_MS = 30_000

const pause = () => new Promise<void>(resolve => setTimeout(resolve, RUN_MS))

/**
 * Measures what sending adds to a Prometheus that scrapes applications, next to one that scrapes the
 * same ones and sends nothing.
 */
export async function prometheusSends(protocol: Protocol): Promise<Row[]> {
  const receiver = await ReceiverProcess.start()
  const served = await ServedTargets.start(TARGETS, SERIES)
  const remote = { url: receiver.url, protobuf_message: PROTOBUF[protocol] }
  const started: LocalPrometheus[] = []
  let [samples, bytes, added] = [0, 0, 0]
  try {
    const silent = await startPrometheus({ config: served.config(INTERVAL_S) })
    started.push(silent)
    const sending = await startPrometheus({ config: served.config(INTERVAL_S, [remote]) })
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
    served.stop()
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
      note: 'compressed bodies; integers that change at each scrape, two labels besides job and instance',
    },
  ]
}
