import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StartError } from '../base/start-error.js'
import { TlsServer } from './tls-server.js'
import type { LiveWebConfig } from './web-config/live.js'

/** Limits of an HTTP server. Times in milliseconds. */
export interface ServerLimits {
  readonly maxConnections: number
  /** Size of request line and headers. URLs contain labels, which may be many and long. */
  readonly maxHeaderBytes: number
  /** Time from the first byte of a request to the last byte of its headers. */
  readonly headersTimeout: number
  /** Time from the first byte of a request to the last byte of its body. */
  readonly requestTimeout: number
  /** Interval at which the two timeouts above are checked. */
  readonly checkInterval: number
  /**
   * How long an idle connection is kept. Longer than any scrape interval: a scrape fails if its
   * connection is closed at the same time.
   */
  readonly keepAliveTimeout: number
  /** How long a request may be held without any bytes on its connection. */
  readonly silenceTimeout: number
}

const DEFAULTS: Omit<ServerLimits, 'maxConnections'> = {
  maxHeaderBytes: 64 * 1024,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  checkInterval: 5000,
  keepAliveTimeout: 150_000,
  silenceTimeout: 180_000,
}

/**
 * Creates a server that does not listen yet.
 *
 * @param web serves TLS if it says so; undefined: plain HTTP
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
    connectionsCheckingInterval: all.checkInterval,
    keepAliveTimeout: all.keepAliveTimeout,
  }
  const server = web?.current.tls ? new TlsServer(options, web) : createServer(options)
  server.maxConnections = all.maxConnections
  server.setTimeout(all.silenceTimeout)
  return server
}

/**
 * Passes every request to the listener. `100 Continue` is sent when the listener reads the body, so
 * that a client does not send a body that is refused.
 */
export function serve(server: Server, listener: RequestListener): void {
  server.on('request', listener)
  server.on('checkContinue', listener)
}

/**
 * @param host undefined: every interface
 * @param port 0: any free port
 * @param flag the flag that configures the address
 * @throws StartError that names the address and the flag
 */
export async function listen(
  server: Server,
  { host, port }: { readonly host: string | undefined; readonly port: number },
  flag = '--web.listen-address',
): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'the address is already in use' : error.message
      reject(
        new StartError(`cannot listen on ${host ?? ''}:${port}: ${reason}; choose another ${flag}`),
      )
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
 * Stops listening and waits for the requests in flight.
 *
 * @param graceMs time after which the remaining connections are destroyed
 */
export async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  // Connections become idle as their responses end.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(idle)
  clearTimeout(timer)
}
