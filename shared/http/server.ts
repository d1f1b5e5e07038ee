import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StartError } from '../base/start-error.js'
import { TlsServer } from './tls-server.js'
import type { LiveWebConfig } from './web-config/live.js'

/** Limits of an HTTP server. Times in milliseconds. */
export interface ServerLimits {
  readonly maxConnections: number
  /** Request line and headers of one request. Labels travel in the URL, and a target may have many long ones. */
  readonly maxHeaderBytes: number
  /** From the first byte of a request to the last one of its headers. */
  readonly headersTimeout: number
  /** From the first byte of a request to the last one of its body. */
  readonly requestTimeout: number
  /**
   * How long an idle connection is kept. Longer than any scrape interval: a connection that is closed in the moment it is
   * used again fails the scrape.
   */
  readonly keepAliveTimeout: number
  /** How long a connection may carry no byte during a request: longer than any request can be held. */
  readonly silenceTimeout: number
}

const DEFAULTS: Omit<ServerLimits, 'maxConnections'> = {
  maxHeaderBytes: 64 * 1024,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 150_000,
  silenceTimeout: 180_000,
}

/**
 * A server that listens nowhere yet.
 *
 * @param web decides whether it serves TLS; plain HTTP without one
 */
export function createHttpServer(
  limits: Pick<ServerLimits, 'maxConnections'> & Partial<ServerLimits>,
  web?: LiveWebConfig,
): Server {
  const all = { ...DEFAULTS, ...limits }
  const options: ServerOptions = {
    maxHeaderSize: all.maxHeaderBytes,
    headersTimeout: all.headersTimeout,
    requestTimeout: all.requestTimeout,
    keepAliveTimeout: all.keepAliveTimeout,
  }
  const server = web?.current.tls ? new TlsServer(options, web) : createServer(options)
  server.maxConnections = all.maxConnections
  server.setTimeout(all.silenceTimeout)
  return server
}

/**
 * Hands every request to the listener. A client that expects `100 Continue` gets it when its body is read and not before:
 * a body that is refused is not sent at all.
 */
export function serve(server: Server, listener: RequestListener): void {
  server.on('request', listener)
  server.on('checkContinue', listener)
}

/**
 * @param host undefined: every interface
 * @param port 0: any free port
 * @param flag the flag that the address came from
 * @throws StartError that names the address and the flag when it cannot listen there
 */
export async function listen(
  server: Server,
  { host, port }: { readonly host: string | undefined; readonly port: number },
  flag = '--web.listen-address',
): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'another program listens there' : error.message
      reject(new StartError(`cannot listen on ${host ?? ''}:${port}: ${reason}; choose another ${flag}`))
    }
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.off('error', fail)
      resolve()
    })
  })
  return server.address() as AddressInfo
}

const IDLE_CHECK_MS = 50

/**
 * Stops listening and waits for the responses in flight.
 *
 * @param graceMs after which connections that are still open are destroyed
 */
export async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  // A connection whose response ends meanwhile would be kept for a next request.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
}
