import type { Exchange } from '../../shared/http/exchange.js'
import { Refusal } from '../../shared/http/refusal.js'
import { observed } from '../../shared/http/request-metrics.js'
import { reasonOf } from './refused-push.js'
import type { Services } from './services.js'

/**
 * Wraps a handler that changes something: bounds such requests, and counts them and their refusals.
 */
export function change<A extends readonly unknown[]>(
  name: string,
  { admission, telemetry, clock }: Pick<Services, 'admission' | 'telemetry' | 'clock'>,
  handler: (exchange: Exchange, ...given: A) => Promise<void>,
): (exchange: Exchange, ...given: A) => Promise<void> {
  const observer = { observer: telemetry.requests, clock }
  return (exchange, ...given) =>
    observed(name, observer, async () => {
      try {
        admission.admit(exchange)
        await handler(exchange, ...given)
      } catch (error) {
        if (error instanceof Refusal) telemetry.refused.inc({ reason: reasonOf(error) })
        throw error
      }
    })(exchange)
}
