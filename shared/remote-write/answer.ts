import type { IncomingHttpHeaders } from 'node:http'
import type { WriteProtocol } from '../metrics/remote-write/request.js'

/** What follows from the response to a request. */
export type Answer =
  /**
   * The receiver has stored what it says; the rest it has refused for good. `had`: so many of the
   * samples it refused because it has newer ones of their series, as far as it says.
   */
  | { readonly kind: 'stored'; readonly written: Written | null; readonly had: number }
  /** To be sent again later. `mayBeContent`: what the request holds may be the cause. */
  | {
      readonly kind: 'retry'
      readonly reason: string
      readonly afterMs: number | null
      readonly mayBeContent: boolean
    }
  /**
   * Refused for good: to be halved, or dropped. `isWhole`: whatever the request holds, so that no
   * part of it would be stored. `had` as above; it is not 0 if the first sample that was refused
   * is such a one.
   */
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly isWhole: boolean
      readonly had: number
    }
  /** The receiver does not know protocol 2.0: to be sent again as 1.0. */
  | { readonly kind: 'protocol' }
  /** The request has too many bytes: to be sent in smaller ones. */
  | { readonly kind: 'tooLarge'; readonly reason: string }
  /** It stores no native histograms, and nothing of a request that has some. */
  | { readonly kind: 'histograms'; readonly reason: string }

/** Counts by the receiver. */
export interface Written {
  readonly samples: number
  readonly histograms: number
  readonly exemplars: number
}

export interface ReceivedAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const MAX_REASON = 256
/** Of the URL, the credentials and the protocol, not of what the request holds. */
const WHOLE: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 426])

const TOO_LARGE = 413

/** However long a receiver asks for. */
const MAX_RETRY_AFTER_MS = 5 * 60_000

/**
 * Judges a response, as the specifications ask for: 5xx and 429 are retried, other 4xx are final. A
 * receiver of 2.0 tells what it has written; one that does not has not understood the request. A
 * redirect that was not followed has stored nothing, and says nothing about the samples.
 *
 * @param wall Unix ms, for a Retry-After with a date
 */
export function judgeAnswer(
  protocol: WriteProtocol,
  answer: ReceivedAnswer,
  retryOn429: boolean,
  wall: number,
): Answer {
  const { status, headers } = answer
  const written = writtenOf(headers)
  if (status >= 200 && status < 300) {
    if (protocol === '1.0') return { kind: 'stored', written: null, had: 0 }
    return written ? { kind: 'stored', written, had: 0 } : { kind: 'protocol' }
  }
  if (status === 415 && protocol === '2.0') return { kind: 'protocol' }
  const reason = `${status}: ${textOf(answer)}`
  if (status >= 400 && NO_HISTOGRAMS.test(reason)) return { kind: 'histograms', reason }
  if (status < 400 || status >= 500 || (status === 429 && retryOn429)) {
    const afterMs = retryAfter(headers['retry-after'], wall)
    return { kind: 'retry', reason, afterMs, mayBeContent: status >= 500 && afterMs === null }
  }
  // What a partial write has stored is not to be sent again.
  const isNothing = written?.samples === 0 && written.histograms === 0
  const isPart = protocol === '2.0' && written !== null
  if (status === TOO_LARGE && (!isPart || isNothing)) return { kind: 'tooLarge', reason }
  const had = hadBefore(answer.body)
  if (isPart) return { kind: 'stored', written, had }
  return { kind: 'refused', reason, isWhole: WHOLE.has(status), had }
}

/**
 * Texts of Prometheus, Thanos and Mimir for a sample that is not newer than the newest one of its
 * series. Samples that are too old whatever their series has are another matter.
 */
const HAS_NEWER =
  /\bout of order sample|\bduplicate sample for timestamp|\btoo old sample|sample-out-of-order|sample-duplicate-timestamp/

/** Lines that say so: Prometheus has one for each sample that it refuses of a 2.0 request. */
function hadBefore(body: Buffer): number {
  let count = 0
  for (const line of body.toString('latin1').split('\n')) if (HAS_NEWER.test(line)) count++
  return count
}

/** Prometheus without the feature native-histograms answers 500, and would do so for ever. */
const NO_HISTOGRAMS = /\bnative histograms are disabled\b/

function writtenOf(headers: IncomingHttpHeaders): Written | null {
  const count = (what: string): number | null => {
    const value = headers[`x-prometheus-remote-write-${what}-written`]
    if (typeof value !== 'string' || !/^\d{1,15}$/.test(value.trim())) return null
    return Number(value)
  }
  const samples = count('samples')
  const histograms = count('histograms')
  const exemplars = count('exemplars')
  if (samples === null && histograms === null && exemplars === null) return null
  return { samples: samples ?? 0, histograms: histograms ?? 0, exemplars: exemplars ?? 0 }
}

/** @returns ms; null if there is none */
function retryAfter(value: string | undefined, wall: number): number | null {
  if (value === undefined) return null
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - wall
  return Number.isNaN(ms) ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms))
}

/** The first line that is not empty, or where a redirect leads. */
function textOf({ status, headers, body }: ReceivedAnswer): string {
  if (status < 400 && headers.location)
    return `redirect to ${headers.location.slice(0, MAX_REASON)}: set that URL`
  const text = body.toString('utf8', 0, 4 * MAX_REASON).trimStart()
  const [line] = text.split(/[\r\n]/, 1)
  return line.slice(0, MAX_REASON)
}
