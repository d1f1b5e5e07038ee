import type { ServerOptions } from 'node:http'
import { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { refusalOf } from './web-config/client-cert.js'
import type { LiveWebConfig } from './web-config/live.js'
import type { TlsConfig } from './web-config/load.js'

const HANDSHAKE_MS = 10_000

/**
 * An HTTPS server that follows its web configuration. Each handshake uses the current certificate
 * and the current rules for client certificates. Established connections are not affected by
 * changes.
 */
export class TlsServer extends Server {
  /** Includes sockets in a handshake, which `closeAllConnections` of Node does not close. */
  readonly #sockets = new Set<Socket>()

  constructor(options: ServerOptions, web: LiveWebConfig) {
    const tls = web.current.tls!
    super({ ...options, ...tls.context, ...clientAuthOptions(tls), handshakeTimeout: HANDSHAKE_MS })
    this.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // Prepended, to run before the HTTP server reads from the socket.
    this.prependListener('secureConnection', (socket: TLSSocket) => {
      const client = { certificate: socket.getPeerX509Certificate(), verified: socket.authorized }
      const refusal = refusalOf(client, web.current.tls!)
      if (refusal === undefined) return
      web.countRefusal('client_certificate', refusal)
      socket.destroy()
    })
    web.onChange(({ tls }) => {
      this.setSecureContext(tls!.context)
      // Node reads these properties at each connection.
      Object.assign(this, clientAuthOptions(tls!))
    })
  }

  override closeAllConnections(): void {
    super.closeAllConnections()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Certificates are verified after the handshake, by `refusalOf`, for all types alike. */
function clientAuthOptions({ clientAuth }: TlsConfig) {
  return { requestCert: clientAuth !== 'NoClientCert', rejectUnauthorized: false }
}
