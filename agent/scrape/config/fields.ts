import { z } from 'zod'
import { parseDuration } from '../../../shared/base/flags/duration.js'
import { parseSize } from '../../../shared/base/flags/size.js'

/** A duration of Prometheus in ms. */
export const duration = z.string().transform((text, context): number => {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  context.addIssue({
    code: 'custom',
    message: `not a valid duration string: ${JSON.stringify(text)}; write it as 15s, 2m or 1h30m`,
  })
  return z.NEVER
})

/** A size in bytes. */
export const size = z.string().transform((text, context): number => {
  const bytes = parseSize(text)
  if (bytes !== undefined) return bytes
  context.addIssue({
    code: 'custom',
    message: `not a valid size: ${JSON.stringify(text)}; write it as 512KiB or 8MiB`,
  })
  return z.NEVER
})

/** A limit; 0 for none. */
export const limit = z.int().min(0)
