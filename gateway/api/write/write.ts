import type { Exchange } from '../../../shared/http/exchange.js'
import { Refusal } from '../../../shared/http/refusal.js'
import { sayWhy } from '../../../shared/http/say-why.js'
import type { Services } from '../services.js'
import { protocolOf } from './protocol.js'
import { type Receipt, unavailable } from './receiver.js'

const NO_CONTENT = 204

/**
 * `POST /api/v1/write`: receives remote write of protocol 1.0 and 2.0.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
export function write({ writes }: Pick<Services, 'writes'>) {
  return async (exchange: Exchange): Promise<void> => {
    if (!writes)
      throw new Refusal(
        501,
        'remote write needs Kafka: start the gateway with --kafka.brokers instead of --redis.endpoint',
      )
    const protocol = protocolOf(exchange.get('content-type'))
    // Of a request that is refused nothing was written.
    setWritten(exchange, { samples: 0, histograms: 0, exemplars: 0 })
    const receipt = await writes.receive(exchange, protocol)
    setWritten(exchange, receipt)
    if (receipt.failure !== undefined) throw unavailable(incomplete(receipt, receipt.failure))
    if (!receipt.refused.isEmpty) sayWhy(exchange, 400, receipt.refused.message)
    else exchange.status = NO_CONTENT
  }
}

function setWritten(
  exchange: Exchange,
  { samples, histograms, exemplars }: Pick<Receipt, 'samples' | 'histograms' | 'exemplars'>,
): void {
  exchange.set('X-Prometheus-Remote-Write-Samples-Written', String(samples))
  exchange.set('X-Prometheus-Remote-Write-Histograms-Written', String(histograms))
  exchange.set('X-Prometheus-Remote-Write-Exemplars-Written', String(exemplars))
}

function incomplete({ samples, histograms, exemplars }: Receipt, failure: string): string {
  const written = samples + histograms + exemplars
  return written === 0
    ? `${failure}. Send the request again`
    : `${failure}. ${written} samples were written, others not: send the whole request again, what was written is then in the topic twice`
}
