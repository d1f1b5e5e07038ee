import type { Exchange } from './exchange.js'

/** Why a request is not answered with what it asked for: one line, for people with curl. */
export function sayWhy(ctx: Exchange, status: number, reason: string): undefined {
  ctx.status = status
  ctx.type = 'text/plain; charset=utf-8'
  ctx.body = `${reason}\n`
  return undefined
}
