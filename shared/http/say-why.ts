import type { Exchange } from './exchange.js'

/** Answers with a status and a reason: one line of plain text. */
export function sayWhy(ctx: Exchange, status: number, reason: string): undefined {
  ctx.status = status
  ctx.type = 'text/plain; charset=utf-8'
  ctx.body = `${reason}\n`
  return undefined
}
