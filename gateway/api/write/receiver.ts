import type { Registry } from 'prom-client'
import type { Clock } from '../../../shared/base/clock.js'
import { runInSlices } from '../../../shared/base/steps.js'
import { BodyBudget, type BodyMemory } from '../../../shared/http/body/budget.js'
import { snappyBlock } from '../../../shared/http/body/codecs.js'
import { type BodyLimits, RequestBodies } from '../../../shared/http/body/request-bodies.js'
import { goneSignal } from '../../../shared/http/client-gone.js'
import type { Exchange } from '../../../shared/http/exchange.js'
import { ClientGone, Refusal } from '../../../shared/http/refusal.js'
import { ProtobufRefused } from '../../../shared/metrics/protobuf/refusal.js'
import type { WriteProtocol } from '../../../shared/metrics/remote-write/request.js'
import { NewTargets } from './new-targets.js'
import { Pool } from './pool.js'
import { RefusedItems, type RefusedWrite } from './refused.js'
import {
  CLOCK_TOLERANCE_MS,
  type RecordLimits,
  RecordMaker,
  type TargetRecords,
  type Written,
} from './target-records.js'
import type { WriteLog } from './write-log.js'
import { WriteMetrics } from './write-metrics.js'

export interface ReceiverOptions extends RecordLimits {
  readonly bodies: BodyLimits
  /** Memory of bodies and records, shared with pushes. */
  readonly memory: BodyMemory
  /** Requests in progress. */
  readonly requests: number
  /** Bytes of the records of one request. */
  readonly recordBytes: number
  /** New targets per second, on average over 10 s; 0: no limit. */
  readonly newTargets: number
  readonly clock: Clock
}

/** What came of a request. */
export interface Receipt extends Written {
  /** What will never succeed. */
  readonly refused: RefusedItems
  /** Why other records were not acknowledged; undefined if all were. */
  readonly failure: string | undefined
}

interface MadeRecords {
  readonly records: readonly TargetRecords[]
  readonly refused: RefusedItems
  /** Memory of the records. */
  readonly budget: BodyBudget
}

/** Requests that are decoded at the same time, in slices. Each has arrays of some megabytes. */
const MAKERS = 3
const RETRY_S = { busy: '1', failed: '5' }

/**
 * Receives remote write requests: decodes them, splits them by target, and appends them to the log.
 * Nothing is kept after the answer.
 */
export class WriteReceiver {
  inProgress = 0
  readonly metrics = new WriteMetrics()
  readonly #bodies: RequestBodies
  readonly #makers: Pool<RecordMaker>
  readonly #newTargets: NewTargets
  #recordBytes = 0

  constructor(
    private readonly log: WriteLog,
    private readonly options: ReceiverOptions,
  ) {
    const { bodies, memory } = options
    this.#bodies = new RequestBodies(bodies, { snappy: snappyBlock }, { memory, unnamed: 'snappy' })
    this.#newTargets = new NewTargets(options.newTargets)
    this.#makers = new Pool(Array.from({ length: MAKERS }, () => new RecordMaker(options)))
  }

  register(registry: Registry): void {
    this.metrics.register(registry, {
      inProgress: () => this.inProgress,
      recordBytes: () => this.#recordBytes,
    })
  }

  /**
   * @throws Refusal 400, 413, 415 for what will never succeed, 503 for what should come again
   * @throws ClientGone
   */
  async receive(exchange: Exchange, protocol: WriteProtocol): Promise<Receipt> {
    if (this.inProgress >= this.options.requests)
      throw busy(`${this.options.requests} requests are in progress already; --limit.requests`)
    this.inProgress++
    try {
      const trouble = await this.log.trouble()
      if (trouble !== undefined) throw unavailable(trouble)
      const body = await this.#read(exchange)
      this.metrics.size.observe('', body.length)
      let made = await this.#records(exchange, body, protocol)
      if (made.refused.items.has('clock')) {
        made.budget.free()
        await this.#confirmLogTime()
        made = await this.#records(exchange, body, protocol)
      }
      const { records, refused } = made
      this.#admitTargets(records)
      // The sender has given up and comes again.
      if (goneSignal(exchange.res).aborted) throw new ClientGone()
      const receipt = await this.#append(records, refused)
      this.metrics.refused(refused)
      return receipt
    } finally {
      this.inProgress--
    }
  }

  async #read(exchange: Exchange): Promise<Buffer> {
    try {
      return await this.#bodies.read(exchange)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // Senders drop what is answered with 408.
      if (error.status === 408) throw busy(error.message)
      if (error.status === 400) this.#refuseRequest('malformed')
      if (error.status === 413) this.#refuseRequest('limit')
      throw error
    }
  }

  async #confirmLogTime(): Promise<void> {
    try {
      await this.log.confirmLogTime()
    } catch (error) {
      throw unavailable((error as Error).message)
    }
  }

  async #records({ res }: Exchange, body: Buffer, protocol: WriteProtocol): Promise<MadeRecords> {
    const refused = new RefusedItems()
    const budget = new BodyBudget(this.options.memory, this.options.recordBytes)
    res.once('close', () => budget.free())
    const acquire = (bytes: number) => {
      if (bytes > budget.left) throw this.#tooManyTargets()
      budget.addDecoded(bytes)
    }
    const notAfter = this.log.logTime() + CLOCK_TOLERANCE_MS
    try {
      const records = await this.#makers.use(maker =>
        runInSlices(maker.make(body, { protocol, notAfter, acquire }, refused)),
      )
      return { records, refused, budget }
    } catch (error) {
      if (!(error instanceof ProtobufRefused)) throw error
      const reason = error.reason === 'limit' ? 'limit' : 'malformed'
      this.#refuseRequest(reason)
      throw new Refusal(
        reason === 'limit' ? 413 : 400,
        `the request of protocol ${protocol} cannot be decoded: ${error.message}`,
      )
    }
  }

  /** @throws Refusal 413 for more than may ever come at once, 503 for what may come later */
  #admitTargets(records: readonly TargetRecords[]): void {
    const keys = records.map(({ key }) => key)
    const verdict = this.#newTargets.admit(keys, this.options.clock.now().mono)
    if (verdict.kind === 'admitted') {
      this.metrics.newTargets += verdict.count
      return
    }
    const { count } = verdict
    const perSecond = `${this.options.newTargets} a second; --limit.new-targets`
    if (verdict.kind === 'later') {
      this.metrics.postponed++
      throw new Refusal(
        503,
        `${count} targets of the request are new, and more may not come yet than ${perSecond}. Nothing was written: send it again`,
        { 'Retry-After': String(verdict.afterS) },
      )
    }
    this.#refuseRequest('limit')
    throw new Refusal(
      413,
      `${count} targets of the request are new, more than ${verdict.most} at once (${perSecond}): send less in one request, or raise the limit`,
    )
  }

  #refuseRequest(reason: RefusedWrite): void {
    const refused = new RefusedItems()
    refused.add(reason, 1, () => '')
    this.metrics.refused(refused)
  }

  #tooManyTargets(): Refusal {
    this.#refuseRequest('limit')
    return new Refusal(
      413,
      `the records of this request have more than ${this.options.recordBytes} bytes, because its targets have texts in common: send less in one request`,
    )
  }

  async #append(records: readonly TargetRecords[], refused: RefusedItems): Promise<Receipt> {
    const written = { samples: 0, histograms: 0, exemplars: 0 }
    if (records.length === 0) return { ...written, refused, failure: undefined }
    const bytes = records.reduce((sum, { values }) => sum + bytesOf(values), 0)
    const start = performance.now()
    this.#recordBytes += bytes
    const errors = await this.log.append(records)
    this.#recordBytes -= bytes
    this.metrics.appended.observe('', (performance.now() - start) / 1000)
    if (errors.includes(null)) this.#newTargets.onWritten(this.options.clock.now().mono)
    let failure: string | undefined
    for (const [i, target] of records.entries()) {
      const error = errors[i]
      if (!error) {
        this.metrics.written(target)
        written.samples += target.samples
        written.histograms += target.histograms
        written.exemplars += target.exemplars
      } else if (error.refusal) {
        refused.add('broker', itemsOf(target), () => error.message)
      } else {
        this.metrics.failed(target)
        failure ??= error.message
      }
    }
    return { ...written, refused, failure }
  }
}

const bytesOf = (values: readonly Buffer[]) => values.reduce((sum, { length }) => sum + length, 0)

const itemsOf = ({ samples, histograms, exemplars }: Written) => samples + histograms + exemplars

const busy = (problem: string): Refusal =>
  new Refusal(503, `${problem}. Nothing was written: send it again`, {
    'Retry-After': RETRY_S.busy,
  })

/** @param problem with what to do */
export const unavailable = (problem: string): Refusal =>
  new Refusal(503, `remote write requests cannot be written: ${problem}`, {
    'Retry-After': RETRY_S.failed,
  })
