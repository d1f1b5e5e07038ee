import { type HttpPart, startHttpPart } from './http-part.js'

export type LocalPushgateway = HttpPart

/** Starts a Pushgateway on a free port, and waits until it is ready. */
export const startPushgateway = (flags: readonly string[] = []): Promise<LocalPushgateway> =>
  startHttpPart('pushgateway', address => [
    `--web.listen-address=${address}`,
    '--log.level=warn',
    ...flags,
  ])
