import type { ServerOptions } from 'node:http'
import { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { refusalOf } from './web-config/client-cert.js'
import type { LiveWebConfig } from './web-config/live.js'
import type { TlsConfig } from './web-config/load.js'

const HANDSHAKE_MS = 10_000

/**
 * A server that speaks TLS as its web configuration says now: each handshake is by the newest certificate, and by the newest rule for
 * those of clients. Connections that are there stay as they are.
 */
export class TlsServer extends Server {
  /** Also those whose handshake is not over, which nobody else knows of. */
  readonly #sockets = new Set<Socket>()

  constructor(options: ServerOptions, web: LiveWebConfig) {
    const tls = web.current.tls!
    super({ ...options, ...tls.context, ...demandOf(tls), handshakeTimeout: HANDSHAKE_MS })
    this.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // Before anything is read from it.
    this.prependListener('secureConnection', (socket: TLSSocket) => {
      const client = { certificate: socket.getPeerX509Certificate(), verified: socket.authorized }
      const refusal = refusalOf(client, web.current.tls!)
      if (refusal === undefined) return
      web.turnAway('client_certificate', refusal)
      socket.destroy()
    })
    web.onChange(({ tls }) => {
      this.setSecureContext(tls!.context)
      // Read by the server at every connection.
      Object.assign(this, demandOf(tls!))
    })
  }

  override closeAllConnections(): void {
    super.closeAllConnections()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Who may connect is decided after the handshake, by one rule for all types. */
function demandOf({ clientAuth }: TlsConfig) {
  return { requestCert: clientAuth !== 'NoClientCert', rejectUnauthorized: false }
}
