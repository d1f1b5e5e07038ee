import type { Exchange } from './exchange.js'
import { sayWhy } from './say-why.js'

/** `/-/healthy`: 200 while the process answers. */
export function healthy(program: string) {
  return (exchange: Exchange): void => {
    sayWhy(exchange, 200, `${program} is healthy.`)
  }
}

/**
 * `/-/ready`: 200, or 503 with the reason.
 *
 * @param notReady why the program is not ready now; undefined when it is
 * @param background what a ready program still does, as a sentence without its full stop
 */
export function ready(
  program: string,
  notReady: () => string | undefined,
  background: () => string | undefined = () => undefined,
) {
  return (exchange: Exchange): void => {
    const reason = notReady()
    const also = background()
    if (reason !== undefined) sayWhy(exchange, 503, reason)
    else sayWhy(exchange, 200, `${program} is ready.${also === undefined ? '' : ` ${also}.`}`)
  }
}
