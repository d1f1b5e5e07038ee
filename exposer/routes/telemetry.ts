import type { Context } from 'koa'
import { type Rendering, send } from './answer.js'
import { waitingOf } from './hold.js'
import type { Services } from './services.js'

/** `/telemetry`: the shard's own metrics. */
export function telemetry({ telemetry, responses }: Pick<Services, 'telemetry' | 'responses'>) {
  return async (ctx: Context): Promise<void> => {
    await responses.acquire(ctx.res, 'telemetry', waitingOf(ctx, { responses }).turnBy)
    const text = await telemetry.text()
    await send(ctx, telemetry.registry.contentType, () => once(text))
  }
}

function* once(text: string): Rendering {
  yield Buffer.from(text)
  return 0
}
