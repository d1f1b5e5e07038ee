import type { Logger } from '../base/logger.js'
import type { Exchange } from './exchange.js'
import { sayWhy } from './say-why.js'
import type { LiveWebConfig } from './web-config/live.js'

/** Access control in front of every path of a program. */
export interface Guard {
  /** Undefined: no access control. */
  readonly web: LiveWebConfig | undefined
  readonly logger: Logger
  /** Realm of basic authentication: the program. */
  readonly realm: string
}

/**
 * Sets the configured headers and checks the credentials.
 *
 * @returns whether the request is admitted; if not, the response has been set
 */
export async function admit(exchange: Exchange, { web, logger, realm }: Guard): Promise<boolean> {
  if (!web) return true
  for (const [name, value] of web.current.headers) exchange.set(name, value)
  const { users } = web
  if (!users.required) return true
  const verdict = await users
    .judge(exchange.get('authorization') || undefined, exchange.req.socket.remoteAddress)
    .catch(error => {
      logger.warn('Failed to compare a password with its hash', { error })
      return 'busy' as const
    })
  if (verdict === 'known') return true
  if (verdict === 'busy') {
    web.countRefusal('busy', 'too many pending password comparisons')
    exchange.set('Retry-After', '5')
    sayWhy(exchange, 503, 'too many pending password comparisons: retry later')
  } else {
    web.countRefusal('credentials', 'missing or wrong credentials')
    exchange.set('WWW-Authenticate', `Basic realm="${realm}", charset="UTF-8"`)
    sayWhy(exchange, 401, 'a user name and password are required')
  }
  return false
}
