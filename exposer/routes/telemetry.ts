import type { Context } from 'koa'
import { type Rendering, send } from './answer.js'
import type { Services } from './services.js'

/** `/telemetry`: the shard's own metrics. */
export function telemetry({ telemetry }: Pick<Services, 'telemetry'>) {
  return async (ctx: Context): Promise<void> => {
    const text = await telemetry.text()
    await send(ctx, telemetry.registry.contentType, () => once(text))
  }
}

function* once(text: string): Rendering {
  yield Buffer.from(text)
  return 0
}
