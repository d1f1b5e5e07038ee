import { memoize } from '../../shared/base/memoize.js'
import { contentType, type Format } from '../../shared/exposition/format.js'
import { negotiate } from '../../shared/exposition/negotiate.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sendGenerated } from '../../shared/http/send.js'
import type { Services } from './services.js'
import { orUnavailable } from './submit.js'
import { awaitTurn } from './turn.js'

/** Memoized, because a scraper sends the same Accept header with each scrape. */
const formatFor = memoize(
  (accept): Format => negotiate(accept || undefined, ['text-0.0.4', 'text-1.0.0']),
)

/** `/metrics`: all push groups and ingested series. */
export function metrics(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    const format = formatFor(exchange.get('accept'))
    const { escaping } = format
    exchange.vary('Accept')
    await awaitTurn(exchange, 'scrapes', services)
    const view = await orUnavailable(() => services.store.read())
    await sendGenerated(exchange, contentType(format), () => view.expose(escaping))
  }
}

/** `/telemetry`: the gateway's own metrics. */
export function telemetry(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    await awaitTurn(exchange, 'page', services)
    const text = await services.telemetry.text()
    const { contentType } = services.telemetry.registry
    await sendGenerated(exchange, contentType, () => once(text))
  }
}

function* once(text: string): Generator<Buffer, void> {
  yield Buffer.from(text)
}
