import type { Context, Next } from 'koa'
import type { Logger } from '../base/logger.js'
import type { Exchange } from './exchange.js'
import { sayWhy } from './say-why.js'
import type { LiveWebConfig } from './web-config/live.js'

/** Stands before every path: sets the headers that are configured, and lets only known users through, when there are any. */
export function guard(web: LiveWebConfig, logger: Logger) {
  return async (ctx: Context, next: Next): Promise<void> => {
    if (await admit(ctx, web, logger)) await next()
  }
}

/** @returns whether the request may be answered; if not, it has been said why */
export async function admit(exchange: Exchange, web: LiveWebConfig, logger: Logger): Promise<boolean> {
  for (const [name, value] of web.current.headers) exchange.set(name, value)
  const { users } = web
  if (!users.demanded) return true
  const verdict = await users.judge(exchange.get('authorization') || undefined).catch(error => {
    logger.warn('A password could not be compared', { error })
    return 'busy' as const
  })
  if (verdict === 'known') return true
  if (verdict === 'busy') {
    web.turnAway('busy', 'too many passwords are being compared')
    exchange.set('Retry-After', '5')
    sayWhy(exchange, 503, 'too many passwords are being compared: ask again')
  } else {
    web.turnAway('credentials', 'no user has these credentials')
    exchange.set('WWW-Authenticate', 'Basic realm="kafka-exposer", charset="UTF-8"')
    sayWhy(exchange, 401, 'a user name and its password are needed')
  }
  return false
}
