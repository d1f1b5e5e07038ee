import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { guard } from '../../shared/http/guard.js'
import { TlsServer } from '../../shared/http/tls-server.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { scrape } from '../routes/answer.js'
import { healthy, ready } from '../routes/health.js'
import { ledger } from '../routes/ledger.js'
import { metrics } from '../routes/metrics.js'
import { page } from '../routes/page.js'
import { sd } from '../routes/sd.js'
import type { Services } from '../routes/services.js'
import { target } from '../routes/target.js'
import { targets } from '../routes/targets.js'
import { telemetry } from '../routes/telemetry.js'
import { front } from './front.js'
import { StartError } from './start-up.js'

/** Labels travel in the URL, and a target may have many long ones. */
const MAX_HEADER_BYTES = 64 * 1024
/** Longer than any interval of scrapes: a connection that is closed just when it is used again fails the scrape. */
const KEEP_ALIVE_MS = 150_000
/** Of one request: longer than any can be held. */
const SILENCE_MS = 180_000

/** The program that answers; it knows nothing of sockets. */
export function createApp(services: Services): RequestListener {
  const router = new Router()
  const answerTarget = scrape('/target', services, target(services))
  router.get('/target', answerTarget)
  router.get('/metrics', scrape('/metrics', services, metrics(services)))
  router.get('/sd', scrape('/sd', services, sd(services)))
  router.get('/telemetry', telemetry(services))
  router.get('/api/v1/targets', scrape('/api/v1/targets', services, targets(services)))
  router.get('/api/v1/ledger', scrape('/api/v1/ledger', services, ledger(services)))
  router.get('/-/healthy', healthy)
  router.get('/-/ready', ready(services))
  const files = page()
  router.get('/', files)
  router.get('/page/:file', files)
  const app = new Koa()
  const report = (error: Error) => complain(error, services)
  app.on('error', report)
  if (services.web) app.use(guard(services.web, services.logger))
  app.use(router.routes())
  app.use(router.allowedMethods())
  return front(services, answerTarget, app.callback(), report)
}

/** Errors of clients that went away are no news; all others are mistakes in this program. */
function complain(
  error: Error & { headerSent?: boolean; code?: string; expose?: boolean },
  { logger }: Services,
) {
  if (error.expose) return
  if (['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code ?? '')) {
    logger.debug('a client went away', { error })
  } else logger.error('a request failed, which is a mistake in the program', { error, stack: error.stack })
}

/**
 * A server that listens nowhere yet.
 *
 * @param web says whether it speaks TLS; plain HTTP without one
 */
export function createHttpServer(maxConnections: number, web?: LiveWebConfig): Server {
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: 20_000,
    requestTimeout: 60_000,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const server = web?.current.tls ? new TlsServer(options, web) : createServer(options)
  server.maxConnections = maxConnections
  server.setTimeout(SILENCE_MS)
  return server
}

/** @throws StartError that names the address when it cannot be listened on */
export async function listen(server: Server, host: string | undefined, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'somebody else listens there' : error.message
      const place = `${host ?? ''}:${port}`
      reject(new StartError(`cannot listen on ${place}: ${reason}; choose another --web.listen-address`))
    }
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.off('error', fail)
      resolve()
    })
  })
  return server.address() as AddressInfo
}

/** Stops listening and lets what is being answered end, for so long. */
export async function close(server: Server, withinMs: number): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  // Connections that end a response meanwhile would be kept for the next request, which they must not wait for.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const timer = setTimeout(() => server.closeAllConnections(), withinMs)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
}
