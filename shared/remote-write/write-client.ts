import { asError } from '../base/as-error.js'
import type { Clock } from '../base/clock.js'
import type { ClientFailure, HttpClient } from '../http/client/types.js'
import type { WriteProtocol } from '../metrics/remote-write/request.js'
import { type Answer, judgeAnswer } from './answer.js'
import type { RemoteOptions } from './manager.js'

/** Responses of receivers are short texts; that of a proxy may be a page. */
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_REASON_BYTES = 256
const CONTENT_TYPES: Readonly<Record<WriteProtocol, string>> = {
  '1.0': 'application/x-protobuf',
  '2.0': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
}
const VERSIONS: Readonly<Record<WriteProtocol, string>> = { '1.0': '0.1.0', '2.0': '2.0.0' }

export interface WriteClientOptions {
  readonly remote: RemoteOptions
  readonly client: HttpClient
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Observes the duration of each request, seconds. */
  onRequest(seconds: number): void
}

/** What a receiver said to a request, or why it said nothing. */
export interface Answered {
  readonly answer: Answer
  /** The first line of the response, or the error. */
  readonly reason: string
}

/** Sends requests to one receiver, each once. */
export class WriteClient {
  constructor(private readonly options: WriteClientOptions) {}

  /**
   * Never rejects: that there is no answer is an answer.
   *
   * @param body compressed
   * @param attempt how often the same samples were sent before
   */
  async send(protocol: WriteProtocol, body: Buffer, attempt: number): Promise<Answered> {
    const { remote, client, clock, signal } = this.options
    const begun = clock.now().mono
    try {
      const response = await client.request({
        method: 'POST',
        url: remote.url,
        headers: {
          'content-encoding': 'snappy',
          'content-type': CONTENT_TYPES[protocol],
          'x-prometheus-remote-write-version': VERSIONS[protocol],
          ...(attempt > 0 ? { 'retry-attempt': String(attempt) } : {}),
          ...remote.headers,
        },
        body,
        timeoutMs: remote.timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        truncate: true,
        signal,
      })
      const { retryOn429 } = remote.queue
      const answer = judgeAnswer(protocol, response, retryOn429, clock.now().wall)
      const [reason] = response.body.toString('utf8', 0, MAX_REASON_BYTES).split('\n', 1)
      return { answer, reason }
    } catch (error) {
      const { kind } = error as ClientFailure
      const { message } = asError(error)
      const reason = message.startsWith(`${kind}: `) ? message : `${kind}: ${message}`
      const mayBeContent = kind === 'timeout' || kind === 'closed'
      return { answer: { kind: 'retry', reason, afterMs: null, mayBeContent }, reason }
    } finally {
      this.options.onRequest((clock.now().mono - begun) / 1000)
    }
  }
}
