import { PushState } from '../../gateway/state/push-state.js'
import { encodeRequest } from '../../gateway/state/request-codec.js'
import type { Outcome, PushRequest } from '../../gateway/state/types.js'
import {
  type PushStore,
  type RequestTooLarge,
  StoreUnavailable,
} from '../../gateway/store/store.js'
import { runInSlices } from '../../shared/base/steps.js'

/**
 * A store of one process without a log: requests are encoded, decoded and applied by the state
 * machine of the Kafka store. It does not cover outages, other gateways and restarts.
 */
export class LocalPushStore implements PushStore {
  readonly failed = new Promise<never>(() => {})
  readonly state = new PushState()
  #applying: Promise<unknown> = Promise.resolve()
  #stopped = false
  /** Set it to make the store unavailable. */
  outage: StoreUnavailable | RequestTooLarge | undefined

  /** @param now log time, Unix ms */
  constructor(private readonly now: () => number = Date.now) {}

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#applying
  }

  async submit(request: PushRequest): Promise<Outcome> {
    this.#check()
    const applied = this.#applying.then(() => {
      const { offset } = this.state
      const value = encodeRequest(request)
      return runInSlices(this.state.apply({ offset, time: this.now(), value }))
    })
    this.#applying = applied
    const result = await applied
    if (result.kind !== 'applied') throw new Error(`a record was not applied: ${result.kind}`)
    return result.outcome
  }

  async read() {
    this.#check()
    return this.state.view(this.now())
  }

  held() {
    return this.state.held()
  }

  trouble() {
    return this.#stopped ? 'this gateway is stopping' : this.outage?.message
  }

  #check(): void {
    if (this.#stopped) throw new StoreUnavailable('this gateway is stopping', false)
    if (this.outage) throw this.outage
  }
}
