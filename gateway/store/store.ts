import type { Outcome, PushRequest } from '../state/types.js'
import type { Held, PushView } from '../state/view.js'

/**
 * Where a gateway keeps pushes. All gateways with the same store serve the same.
 *
 * **Ownership.** The caller validates a request and judges it by its limits; the store keeps it as
 * it is. The caller does not change a request that it has submitted. Views are read-only.
 *
 * **Ordering.** Requests of one gateway are applied in the order of the calls of `submit`, unless
 * one of them fails. A view that is read after `submit` has resolved contains the request,
 * unless it was unchecked.
 *
 * **Errors.** `submit` and `read` reject with `StoreUnavailable`, `submit` also with
 * `RequestTooLarge`, and nothing else. Nothing is
 * buffered: a request that failed is not tried again later. If `maybeApplied` is true it may have
 * been stored nevertheless; the caller repeats it with the same id, so that it is applied once.
 *
 * **Shutdown.** Call `start` once and `stop` once; `stop` may interrupt `start`. Requests in
 * progress end before `stop` resolves. After it, every call rejects.
 */
export interface PushStore {
  /** Resolves at once. The connection may follow later; until then `trouble` says why. */
  start(): Promise<void>
  stop(): Promise<void>
  /**
   * Resolves when the request is stored and applied; what comes of it is part of the result. An
   * unchecked push may resolve when it is stored: nothing can refuse it any more.
   */
  submit(request: PushRequest): Promise<Outcome>
  read(): Promise<PushView>
  /** How much is held, as last known: limits are judged by it before a request is submitted. */
  held(): Held
  /** Why this gateway cannot serve, in one sentence; undefined when it can. */
  trouble(): string | undefined
  /** Rejects when the store cannot continue, with an error that names the remedy. */
  readonly failed: Promise<never>
}

/** The store refuses this request for its size: a repeat fails, too. Nothing was stored. */
export class RequestTooLarge extends Error {
  override readonly name = 'RequestTooLarge'
}

/** The store did not take or return anything, because of an outage. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  /**
   * @param message one sentence, with what to do
   * @param maybeApplied whether the request may have been stored or may still be
   */
  constructor(
    message: string,
    readonly maybeApplied: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
