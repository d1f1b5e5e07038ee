import { asError } from '../base/as-error.js'
import type { Clock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import type { RepeatedWarnings } from '../base/repeated-warnings.js'
import type { HttpClient } from '../http/client/types.js'
import type { WriteProtocol } from '../metrics/remote-write/request.js'
import type { Answer, Written } from './answer.js'
import { Backoff } from './backoff.js'
import { BodyBuffers } from './body-buffers.js'
import type { WriteFigures } from './figures.js'
import type { Outcomes } from './isolated-targets.js'
import { type Piece, samplesOfPiece, textOfTarget } from './item.js'
import type { RemoteOptions } from './manager.js'
import { byTarget, halved, halvedBySize, samplesIn } from './pieces.js'
import { RequestSize } from './request-size.js'
import type { Counts, EncodedRequest, RequestWriter } from './request-writer.js'
import { type Answered, WriteClient } from './write-client.js'
import { Writer1 } from './writer-1.js'
import { Writer2 } from './writer-2.js'

export interface RequestSenderOptions {
  readonly remote: RemoteOptions
  readonly client: HttpClient
  readonly clock: Clock
  readonly logger: Logger
  readonly figures: WriteFigures
  readonly warnings: RepeatedWarnings
  /** Bytes of each of two caches of protocol 1.0; a default without it. */
  readonly cacheBytes?: number
  /** Ends all attempts. */
  readonly signal: AbortSignal
  /** Observes the duration of each request, seconds. */
  onRequest(seconds: number): void
  /** Time spent for samples, seconds. */
  onSending(seconds: number): void
  /** Whether there is room for another isolated target, which is made if it may be. */
  mayIsolate(): boolean
  /** So many samples were stored. */
  onStored(samples: number): void
}

/** Failures of a request after which it is sent in parts, because one target may be the cause. */
const WHOLE_ATTEMPTS = 5
/** Failures of a target alone, while others are stored, after which it is isolated. */
const ALONE_ATTEMPTS = 3
/**
 * The same while nothing is stored. It doubles with each target: while the receiver is away, hardly
 * any is isolated.
 */
const UNPROVEN_ATTEMPTS = 8

/** The sender was stopped before the request was answered. */
export class SenderStopped extends Error {
  override readonly name = 'SenderStopped'
}

/** An item could not be written. */
class WritingFailed extends Error {}

/**
 * Makes requests of pieces, and repeats them until each sample is stored or refused for good.
 *
 * A receiver of 1.0 may roll a whole request back for one sample: a refused request is halved down
 * to single targets, so that only those are lost that are really refused. One that is refused
 * whatever it holds, as with a wrong password, is not.
 */
export class RequestSender {
  #protocol: WriteProtocol
  readonly #client: WriteClient
  readonly #writer1: Writer1
  readonly #writer2 = new Writer2()
  readonly #size: RequestSize
  readonly #bodies = new BodyBuffers()
  #stored = 0
  #failed = 0
  /** Failures of a target alone after which it is isolated although nothing was stored meanwhile. */
  #unprovenAttempts = UNPROVEN_ATTEMPTS

  constructor(private readonly options: RequestSenderOptions) {
    this.#protocol = options.remote.protocol
    const onRequest = (seconds: number) => {
      options.onRequest(seconds)
      options.onSending(seconds)
    }
    this.#client = new WriteClient({ ...options, onRequest })
    this.#writer1 = new Writer1(options.cacheBytes)
    this.#size = new RequestSize(options.remote.queue.maxSamplesPerSend)
  }

  /** The protocol that the receiver is known to understand, or the first to try. */
  get protocol(): WriteProtocol {
    return this.#protocol
  }

  /** Bytes of what is kept for later requests. */
  get cacheBytes(): number {
    return this.#writer1.templateBytes
  }

  /** Samples that a request may have. */
  get maxSamples(): number {
    return this.#size.limit
  }

  /** How the receiver has answered so far. */
  get outcomes(): Outcomes {
    return { stored: this.#stored, failed: this.#failed }
  }

  /**
   * Sends until the receiver has answered for all pieces, or for all but those of targets that it
   * does not store although it may store others: those are returned, to be sent apart.
   *
   * @throws SenderStopped
   */
  async send(pieces: readonly Piece[]): Promise<readonly Piece[]> {
    const backoff = new Backoff(this.options.remote.queue)
    const left = await this.#deliver(pieces, new Attempts(backoff, WHOLE_ATTEMPTS))
    return left.length === 0 ? left : this.#isolate(left, backoff)
  }

  /**
   * Sends pieces of an isolated target once.
   *
   * @returns why the receiver has not answered for them; null if it has
   * @throws SenderStopped
   */
  async sendIsolated(pieces: readonly Piece[], backoff: Backoff): Promise<string | null> {
    const attempts = new Attempts(backoff, 1, 1, true)
    const left = await this.#deliver(pieces, attempts)
    return left.length === 0 ? null : attempts.error
  }

  /** Sends ever smaller parts in turn, until all are stored or isolated targets. */
  async #isolate(pieces: readonly Piece[], backoff: Backoff): Promise<readonly Piece[]> {
    const isolated: Piece[] = []
    const parts = partsOf(pieces)
    const storedBefore = this.#stored
    for (let part = parts.shift(); part; part = parts.shift()) {
      // One that only waits for room says nothing about the receiver.
      const isApart = part.failures >= ALONE_ATTEMPTS && this.#stored > storedBefore
      const left = await this.#deliver(part.pieces, new Attempts(backoff, 1, 1, isApart))
      if (left.length === 0) {
        backoff.reset()
        continue
      }
      await this.#wait(backoff.next())
      const failures = part.failures + 1
      const isProven = this.#stored > storedBefore
      const smaller = partsOf(left)
      if (smaller.length > 1) parts.push(...smaller)
      else if (
        failures < (isProven ? ALONE_ATTEMPTS : this.#unprovenAttempts) ||
        !this.options.mayIsolate()
      )
        parts.push({ pieces: left, failures })
      else {
        if (!isProven) this.#unprovenAttempts *= 2
        isolated.push(...left)
      }
    }
    return isolated
  }

  /** @returns what the receiver has not answered for in so many attempts */
  async #deliver(pieces: readonly Piece[], attempts: Attempts): Promise<readonly Piece[]> {
    const { figures, clock } = this.options
    const young = this.#youngOnly(pieces)
    if (young.length === 0) return []
    const samples = samplesIn(young)
    const sent = await this.#untilFinal(young, samples, attempts).catch(error => {
      if (error instanceof WritingFailed) return error
      throw error
    })
    if (!sent) return young
    if (sent instanceof WritingFailed) return this.#leaveOut(young, samples, sent, attempts)
    if (sent.answer.kind === 'tooLarge')
      return this.#sendSmaller(young, samples, sent.answer.reason, attempts)
    if (sent.answer.kind === 'refused') {
      const { reason, isWhole } = sent.answer
      if (isWhole) {
        figures.refuse(samples, reason, clock.now().wall)
        this.#warn(
          'request refused',
          `The receiver refused a request with ${samples} samples, which are lost: ${reason}. Check the URL and the credentials`,
        )
        return []
      }
      const halves = halved(young)
      if (halves) return this.#deliverHalves(halves, attempts)
      if (sent.answer.had > 0 && young[0].item.isRepeat) {
        figures.fail('repeated', samples)
        return []
      }
      figures.refuse(samples, reason, clock.now().wall)
      const { target } = young[0].item
      this.#warn(
        'target refused',
        `The receiver refused ${samples} samples of a target, ${fateOf(young)}: ${reason}`,
        { target: textOfTarget(target) },
      )
      return []
    }
    const { request, leftOut } = sent
    if (leftOut > 0) figures.fail('refused', leftOut)
    const written = sent.answer.written && atMost(sent.answer.written, request)
    const stored = written ? written.samples + written.histograms : samples - leftOut
    figures.samples += written?.samples ?? request.samples
    figures.histograms += written?.histograms ?? request.histograms
    figures.exemplars += written?.exemplars ?? request.exemplars
    const unwritten = request.samples + request.histograms - stored
    const areRepeats = young.every(({ item }) => item.isRepeat)
    const repeated = areRepeats ? Math.min(unwritten, sent.answer.had) : 0
    if (written) figures.fail('repeated', repeated)
    const refused = unwritten - repeated
    if (written && refused > 0) {
      figures.refuse(refused, sent.reason, clock.now().wall)
      this.#warn(
        'part refused',
        `The receiver refused ${refused} of ${samples} samples, ${fateOf(young)}: ${sent.reason}`,
      )
    }
    figures.bytes += sent.bytes
    this.options.onStored(stored)
    const { wall, mono } = clock.now()
    this.#size.stored(mono)
    this.#stored++
    this.#unprovenAttempts = UNPROVEN_ATTEMPTS
    figures.lastStoredAt = wall
    for (const { item } of young) {
      if (item.time >= figures.highestSent) figures.delayMs = Math.max(0, wall - item.dueAt)
      figures.highestSent = Math.max(figures.highestSent, item.time)
    }
    return []
  }

  /** Sends all but the target that cannot be written, which would be a fault of this program. */
  async #leaveOut(
    pieces: readonly Piece[],
    samples: number,
    { message }: WritingFailed,
    attempts: Attempts,
  ): Promise<readonly Piece[]> {
    const halves = halved(pieces)
    if (halves) return this.#deliverHalves(halves, attempts)
    this.options.figures.fail('refused', samples)
    this.options.logger.error('Samples of a target could not be written, and are lost', {
      remote: this.options.remote.name,
      target: textOfTarget(pieces[0].item.target),
      samples,
      error: message,
    })
    return []
  }

  /** Sends halves, and lets later requests be smaller. */
  async #sendSmaller(
    pieces: readonly Piece[],
    samples: number,
    reason: string,
    attempts: Attempts,
  ): Promise<readonly Piece[]> {
    const { figures, clock } = this.options
    const { mono, wall } = clock.now()
    const halves = halvedBySize(pieces)
    if (!halves) {
      figures.refuse(samples, reason, wall, 'too_large')
      this.#warn(
        'series too large',
        `The receiver refused ${samples} samples of one series as too large, which are lost: ${reason}`,
        { target: textOfTarget(pieces[0].item.target) },
      )
      return []
    }
    if (this.#size.refused(samples, mono))
      this.#warn(
        'request too large',
        `The receiver refused a request with ${samples} samples as too large: further ones have ${this.#size.limit} at most: ${reason}`,
      )
    return this.#deliverHalves(halves, attempts)
  }

  async #deliverHalves(
    [first, second]: readonly [Piece[], Piece[]],
    attempts: Attempts,
  ): Promise<readonly Piece[]> {
    const left = await this.#deliver(first, attempts)
    // Samples of a target have to be stored in order.
    const isBefore = left.some(({ item }) =>
      second.some(piece => piece.item !== item && piece.item.target === item.target),
    )
    if (isBefore) return [...left, ...second]
    return [...left, ...(await this.#deliver(second, attempts))]
  }

  /** Sends a message of protocol 1.0 that holds no samples, once. */
  async sendOnce(write: (writer: Writer1) => void): Promise<boolean> {
    const body = this.#finished(this.#writer1, write).body
    try {
      const { answer } = await this.#attempt('1.0', body, 0)
      return answer.kind === 'stored'
    } finally {
      this.#bodies.release(body)
    }
  }

  /** @returns null after as many failures as attempts may have that the samples may be the cause of */
  async #untilFinal(
    pieces: readonly Piece[],
    samples: number,
    attempts: Attempts,
  ): Promise<Sent | null> {
    for (const { item, from, to } of pieces) if (item.prepare) await item.prepare(from, to)
    let request: EncodedRequest | undefined
    const encode = (protocol: WriteProtocol, withHistograms: boolean): EncodedRequest => {
      if (request) this.#bodies.release(request.body)
      request = undefined
      request = this.#encode(protocol, pieces, withHistograms)
      return request
    }
    try {
      return await this.#repeat(encode, samples, attempts)
    } finally {
      if (request) this.#bodies.release(request.body)
    }
  }

  /** @param encode makes the request, in place of the one that it made before */
  async #repeat(
    encode: (protocol: WriteProtocol, withHistograms: boolean) => EncodedRequest,
    samples: number,
    attempts: Attempts,
  ): Promise<Sent | null> {
    const { remote, figures, signal } = this.options
    const { backoff } = attempts
    let failures = 0
    let protocol = this.#protocol
    let request = encode(protocol, true)
    /** Native histograms that are not sent. */
    let leftOut = 0
    for (let attempt = attempts.first; ; attempt++) {
      if (attempt > 0) figures.retried += samples
      const { answer, reason } = await this.#attempt(protocol, request.body, attempt)
      if (signal.aborted) throw new SenderStopped()
      if (isFinal(answer)) {
        figures.lastError = ''
        return { answer, request, bytes: request.body.length, reason, leftOut }
      }
      if (answer.kind === 'histograms' && request.histograms > 0) {
        leftOut = request.histograms
        this.#warn(
          'histograms refused',
          `The receiver refused ${leftOut} native histograms: enable them there, or set send_native_histograms: false`,
        )
        request = encode(protocol, false)
        if (request.samples > 0) continue
        const stored = { kind: 'stored', written: null, had: 0 } as const
        return { answer: stored, request, bytes: 0, reason, leftOut }
      }
      if (answer.kind === 'protocol') {
        if (this.#protocol === '2.0')
          this.options.logger.info('The receiver does not understand remote write 2.0: using 1.0', {
            remote: remote.name,
          })
        this.#protocol = protocol = '1.0'
        request = encode(protocol, leftOut === 0)
        continue
      }
      figures.failedRequests++
      attempts.error = answer.reason
      const { afterMs, mayBeContent } =
        answer.kind === 'retry' ? answer : { afterMs: null, mayBeContent: true }
      backoff.ask(afterMs ?? 0)
      if (!attempts.isApart || !mayBeContent) this.#failed++
      if (attempts.isApart) return null
      figures.lastError = answer.reason
      this.#warn(
        'retried',
        `The receiver does not store samples, they are sent again: ${answer.reason}`,
      )
      if (mayBeContent && ++failures >= attempts.most) return null
      await this.#wait(backoff.next())
    }
  }

  #encode(
    protocol: WriteProtocol,
    pieces: readonly Piece[],
    withHistograms: boolean,
  ): EncodedRequest {
    const all = protocol === '2.0' ? this.#writer2 : this.#writer1
    const writer = withHistograms ? all : withoutHistograms(all)
    return this.#finished(writer, () => {
      for (const { item, from, to } of pieces) item.write(writer, from, to)
    })
  }

  /** @throws WritingFailed */
  #finished<W extends RequestWriter>(writer: W, write: (writer: W) => void): EncodedRequest {
    try {
      write(writer)
      const finished = writer.finish()
      // Other shards encode while this request waits for its answer.
      return { ...finished, body: this.#bodies.copy(finished.body) }
    } catch (error) {
      // The next request must hold nothing of this one.
      writer.discard()
      throw new WritingFailed(asError(error).message)
    }
  }

  #attempt(protocol: WriteProtocol, body: Buffer, attempt: number): Promise<Answered> {
    this.options.figures.requests++
    return this.#client.send(protocol, body, attempt)
  }

  #youngOnly(pieces: readonly Piece[]): readonly Piece[] {
    const { remote, clock, figures } = this.options
    const { sampleAgeLimitMs } = remote.queue
    if (sampleAgeLimitMs === 0) return pieces
    const oldest = clock.now().wall - sampleAgeLimitMs
    return pieces.filter(piece => {
      if (piece.item.time >= oldest) return true
      figures.fail('too_old', samplesOfPiece(piece))
      return false
    })
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.options
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        reject(new SenderStopped())
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  #warn(kind: string, message: string, details: Readonly<Record<string, string>> = {}): void {
    this.options.warnings.warn(kind, message, {
      remote: this.options.remote.name,
      ...details,
    })
  }
}

type FinalAnswer = Extract<Answer, { kind: 'stored' | 'refused' | 'tooLarge' }>

const isFinal = (answer: Answer): answer is FinalAnswer =>
  answer.kind === 'stored' || answer.kind === 'refused' || answer.kind === 'tooLarge'

/** How often a request is sent. */
class Attempts {
  /** The last error. */
  error = ''

  constructor(
    readonly backoff: Backoff,
    /** Failures that the samples may be the cause of, after which it is not sent again. */
    readonly most: number,
    /** Number of the first attempt, from 0. */
    readonly first = 0,
    /** Of an isolated target: whatever fails says nothing about the others. */
    readonly isApart = false,
  ) {}
}

interface Part {
  readonly pieces: readonly Piece[]
  readonly failures: number
}

function partsOf(pieces: readonly Piece[]): Part[] {
  const halves = byTarget(pieces).length > 1 ? halved(pieces) : null
  return (halves ?? [pieces]).map(part => ({ pieces: part, failures: 0 }))
}

interface Sent {
  readonly answer: FinalAnswer
  readonly request: Counts
  /** Compressed. */
  readonly bytes: number
  readonly reason: string
  /** Native histograms that the receiver does not want. */
  readonly leftOut: number
}

const withoutHistograms = (writer: RequestWriter): RequestWriter => ({
  addBlock: (block, from, to) => writer.addBlock(block, from, to),
  addWritten: (request, from, to, sent) =>
    writer.addWritten(request, from, to, { ...sent, nativeHistograms: false }),
  finish: () => writer.finish(),
  discard: () => writer.discard(),
})

/** A receiver has not stored more than it was sent, whatever it says. */
const atMost = (written: Written, sent: Written): Written => ({
  samples: Math.min(written.samples, sent.samples),
  histograms: Math.min(written.histograms, sent.histograms),
  exemplars: Math.min(written.exemplars, sent.exemplars),
})

/** Prometheus refuses samples that it has if newer ones of their series came since. */
const fateOf = (pieces: readonly Piece[]): string =>
  pieces.some(({ item }) => item.isRepeat)
    ? 'which it may have stored before this shard began'
    : 'which are lost'
