import type { Exchange } from '../../shared/http/exchange.js'
import { ClientGone } from '../../shared/http/refusal.js'
import type { PushRequest } from '../state/types.js'
import { RequestTooLarge, StoreUnavailable } from '../store/store.js'
import { inconsistent, RefusedPush } from './refused-push.js'
import type { Services } from './services.js'

const RETRY_S = '5'

/**
 * Submits a request and answers it.
 *
 * @param status when it is stored
 * @throws RefusedPush 400 or 422 by the outcome, 503 if the store is not available
 */
export async function submit(
  exchange: Exchange,
  request: PushRequest,
  status: number,
  { store, admission }: Pick<Services, 'store' | 'admission'>,
): Promise<void> {
  // What a client has given up is not stored: it is sent again.
  if (exchange.res.destroyed) throw new ClientGone()
  const outcome = await orUnavailable(() => admission.run(() => store.submit(request)))
  switch (outcome.kind) {
    case 'done':
      exchange.status = status
      return
    case 'inconsistent':
      throw new RefusedPush(400, 'inconsistent', inconsistent(outcome.message))
    case 'id_reused':
      throw new RefusedPush(
        422,
        'id_reused',
        'another request had the same Idempotency-Key in the last 10 minutes; use a new key for each request. Nothing was stored',
      )
  }
}

/** @throws RefusedPush 413 instead of `RequestTooLarge`, 503 instead of `StoreUnavailable` */
export async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RequestTooLarge)
      throw new RefusedPush(413, 'body_size', `${error.message}. Nothing was stored`)
    if (!(error instanceof StoreUnavailable)) throw error
    const consequence = error.maybeApplied
      ? 'The request may still be stored. Repeat it, with the same Idempotency-Key if it must not be stored twice'
      : 'Nothing was stored. Repeat the request'
    throw new RefusedPush(
      503,
      'unavailable',
      `${error.message.replace(/\.$/, '')}. ${consequence}`,
      { 'Retry-After': RETRY_S },
    )
  }
}
