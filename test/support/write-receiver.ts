import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { decodeSnappyBlock } from '../../shared/base/snappy/block.js'
import { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import { isStaleMarkerAt, type WriteProtocol } from '../../shared/metrics/remote-write/request.js'

/** A sample that was received: its time, and its value or `stale`. */
export type ReceivedSample = readonly [time: number, value: number | 'stale']

/** What a receiver does with a request, instead of storing it. */
export type Fault = (request: {
  readonly number: number
  readonly series: readonly ReceivedSeries[]
  /** As it was sent, compressed. */
  readonly body: Buffer
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
}) => 'store' | 'answered'

export interface ReceivedSeries {
  /** Labels as `name="value",…`. */
  readonly labels: string
  readonly samples: readonly ReceivedSample[]
}

/**
 * A receiver of remote write that does what real ones do when something is wrong, when it is told
 * to. Unlike a real one, it stores samples in whatever order they come: order is for the test to
 * judge.
 */
export class WriteReceiver {
  /** Samples by series, in the order received. */
  readonly series = new Map<string, ReceivedSample[]>()
  readonly protocols: WriteProtocol[] = []
  requests = 0
  fault: Fault | null = null
  /** Time that each request takes, ms. */
  latency = 0
  readonly #server: Server
  readonly #reader = new WriteReader()

  private constructor(private readonly understands: readonly WriteProtocol[]) {
    this.#server = createServer((request, response) => void this.#receive(request, response))
  }

  static async start(understands: readonly WriteProtocol[] = ['1.0', '2.0']) {
    const receiver = new WriteReceiver(understands)
    await new Promise<void>(resolve => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1/write`
  }

  /** Samples of the series whose labels contain all of the texts. */
  samples(...texts: readonly string[]): ReceivedSample[] {
    return [...this.series]
      .filter(([labels]) => texts.every(text => labels.includes(text)))
      .flatMap(([, samples]) => samples)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const protocol = request.headers['content-type']?.includes('v2.Request') ? '2.0' : '1.0'
    this.protocols.push(protocol)
    const number = ++this.requests
    if (!this.understands.includes(protocol)) {
      response.writeHead(415).end('unknown protocol')
      return
    }
    const body = Buffer.concat(chunks)
    const series = this.#decode(decodeSnappyBlock(body, 1e8), protocol)
    const { headers } = request
    if (this.latency > 0) await setTimeout(this.latency)
    if (this.fault?.({ number, series, body, headers, response }) === 'answered') return
    let count = 0
    for (const { labels, samples } of series) {
      const known = this.series.get(labels) ?? []
      known.push(...samples)
      count += samples.length
      this.series.set(labels, known)
    }
    if (protocol === '2.0') {
      response.setHeader('x-prometheus-remote-write-samples-written', count)
      response.setHeader('x-prometheus-remote-write-histograms-written', 0)
      response.setHeader('x-prometheus-remote-write-exemplars-written', 0)
    }
    response.writeHead(204).end()
  }

  #decode(message: Buffer, protocol: WriteProtocol): ReceivedSeries[] {
    const request = this.#reader.read(message, protocol)
    const { bytes, symbols, labelRefs, labelsFrom, samplesFrom, valueAt, timestamps } = request
    return Array.from({ length: request.series }, (_, s) => {
      const labels: string[] = []
      for (let k = labelsFrom[s]; k < labelsFrom[s + 1]; k += 2)
        labels.push(`${symbols[labelRefs[k]]}="${symbols[labelRefs[k + 1]]}"`)
      const samples: ReceivedSample[] = []
      for (let i = samplesFrom[s]; i < samplesFrom[s + 1]; i++) {
        const at = valueAt[i]
        const value = isStaleMarkerAt(bytes, at) ? 'stale' : at < 0 ? 0 : bytes.readDoubleLE(at)
        samples.push([timestamps[i], value])
      }
      return { labels: labels.join(','), samples }
    })
  }
}
