import { asError } from '../shared/base/as-error.js'
import { withTimeout } from '../shared/base/deadline.js'
import { checkedMetrics } from './checked-metrics.js'
import { ExpositionSource } from './exposition-source.js'
import { type Collected, failed, type MetricsOrText, type Source } from './source.js'

/** A function that returns metrics or an exposition. It succeeds or fails as a whole. */
export class FunctionSource implements Source {
  readonly #expositions = new ExpositionSource()
  #calling: Promise<Collected> | null = null

  constructor(
    readonly name: string,
    private readonly call: () => Promise<MetricsOrText> | MetricsOrText,
  ) {}

  /** Awaits a call that is still in progress instead of making another: they would accumulate. */
  async collect(timeoutMs: number): Promise<Collected> {
    this.#calling ??= this.#read().finally(() => {
      this.#calling = null
    })
    const message = `the source did not answer within ${timeoutMs} ms; check whether a collect function hangs`
    try {
      return await withTimeout(this.#calling, timeoutMs, message)
    } catch (error) {
      return failed({ kind: 'timeout', source: this.name, message: asError(error).message })
    }
  }

  async #read(): Promise<Collected> {
    const { name } = this
    let result: MetricsOrText
    try {
      result = await this.call()
    } catch (error) {
      return failed({ kind: 'failed', source: name, message: asError(error).message })
    }
    try {
      if (typeof result !== 'string') {
        const { metrics, errors } = checkedMetrics(name, result)
        return { readings: [{ metrics }], errors }
      }
      const exposition = await this.#expositions.read(result)
      return { readings: [exposition], errors: [], omitted: exposition.omitted }
    } catch (error) {
      return failed({ kind: 'refused', source: name, message: asError(error).message })
    }
  }
}
