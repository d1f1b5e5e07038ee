import type { Context, Next } from 'koa'
import type { Logger } from '../shared/kafka/types.js'
import type { LiveWebConfig } from '../shared/web-config/live.js'
import { sayWhy } from './routes/answer.js'

/** Stands before every path: sets the headers that are configured, and lets only known users through, when there are any. */
export function guard(web: LiveWebConfig, logger: Logger) {
  return async (ctx: Context, next: Next): Promise<void> => {
    for (const [name, value] of web.current.headers) ctx.set(name, value)
    const { users } = web
    if (!users.demanded) return next()
    const verdict = await users.judge(ctx.get('authorization') || undefined).catch(error => {
      logger.warn('A password could not be compared', { error })
      return 'busy' as const
    })
    if (verdict === 'known') return next()
    if (verdict === 'busy') {
      web.turnAway('busy', 'too many passwords are being compared')
      ctx.set('Retry-After', '5')
      return sayWhy(ctx, 503, 'too many passwords are being compared: ask again')
    }
    web.turnAway('credentials', 'no user has these credentials')
    ctx.set('WWW-Authenticate', 'Basic realm="kafka-exposer", charset="UTF-8"')
    return sayWhy(ctx, 401, 'a user name and its password are needed')
  }
}
