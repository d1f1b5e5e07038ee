import type { Context } from 'koa'
import type { Application } from './application.js'
import { sayWhy } from './say-why.js'

/** What a program does on request; undefined where it is not enabled. */
export interface Lifecycle {
  /** Reads the configuration again. @returns why it cannot be used, or undefined */
  readonly reload?: (() => Promise<string | undefined>) | undefined
  /** Ends the program. */
  readonly quit: (() => void) | undefined
}

type Handler = (ctx: Context) => void | Promise<void>

/** `/-/reload` of programs that have it, and `/-/quit`: by POST or PUT, as in Prometheus. */
export function lifecycle({ router }: Application, actions: Lifecycle): void {
  const { reload, quit } = actions
  const add = (path: string, handler: Handler | undefined) => {
    router.get(path, (ctx: Context) => sayWhy(ctx, 405, 'Only POST or PUT requests allowed.'))
    const answer = handler ?? ((ctx: Context) => sayWhy(ctx, 403, 'Lifecycle API is not enabled.'))
    router.put(path, answer)
    router.post(path, answer)
  }
  if ('reload' in actions) add('/-/reload', reload && reloads(reload))
  add('/-/quit', quit && quits(quit))
}

const reloads = (reload: () => Promise<string | undefined>): Handler => {
  return async ctx => {
    const problem = await reload()
    if (problem !== undefined) return sayWhy(ctx, 500, `failed to reload config: ${problem}`)
    ctx.status = 200
    ctx.body = ''
  }
}

const quits = (quit: () => void): Handler => {
  return ctx => {
    sayWhy(ctx, 200, 'Requesting termination... Goodbye!')
    quit()
  }
}
