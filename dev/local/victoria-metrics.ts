import { type HttpPart, startHttpPart } from './http-part.js'

/** Starts a single-node VictoriaMetrics, which shows samples at once, and waits until it is ready. */
export const startVictoriaMetrics = (): Promise<HttpPart> =>
  startHttpPart(
    'victoria-metrics',
    address => [
      `-httpListenAddr=${address}`,
      '-storageDataPath=data',
      '-search.latencyOffset=0s',
      '-search.disableCache',
    ],
    '/health',
  )
