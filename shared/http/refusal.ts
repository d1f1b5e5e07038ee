import type { Exchange } from './exchange.js'
import { sayWhy } from './say-why.js'

/**
 * An error of the client, or a refusal because of load. Handlers throw it; the application answers
 * with its status, its headers and its message as plain text.
 */
export class Refusal extends Error {
  /**
   * @param message one line, with what the client can do
   * @param headers response headers, such as `Retry-After`
   */
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }
}

/** The client closed its connection before the end of its request. */
export class ClientGone extends Error {
  /** As nginx counts such requests; never sent. */
  readonly status = 499
  constructor() {
    super('the client closed the connection before the end of its request')
  }
}

export function refuse(exchange: Exchange, { status, message, headers }: Refusal): void {
  // The handler may have taken over the response before it failed.
  exchange.respond = true
  for (const [name, value] of Object.entries(headers)) exchange.set(name, value)
  sayWhy(exchange, status, message)
}
