import type { Exchange } from './exchange.js'
import { sayWhy } from './say-why.js'

/**
 * A request that does not get what it asked for, by the fault of the client or because of the load. Thrown wherever that is
 * found; the application answers with its status and its message as plain text.
 */
export class Refusal extends Error {
  /**
   * @param message one line that says what the client can do
   * @param headers of the response, such as `Retry-After`
   */
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }
}

/** The client closed its connection before its request had arrived. The status is nginx's, for counting: nobody gets it. */
export class ClientGone extends Error {
  readonly status = 499
  constructor() {
    super('the client closed the connection before its request had arrived')
  }
}

export function refuse(exchange: Exchange, { status, message, headers }: Refusal): void {
  // A handler that meant to write the response itself has not begun.
  exchange.respond = true
  for (const [name, value] of Object.entries(headers)) exchange.set(name, value)
  sayWhy(exchange, status, message)
}
