import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createConnection, createServer, type Server, type Socket } from 'node:net'

/**
 * TCP proxy in front of a broker that can block or delay traffic. Blocked connections stay open and
 * carry no data, as behind a firewall that drops packets. The connections of a killed broker are
 * closed instead.
 */
export class FaultProxy {
  readonly port: number
  readonly #server: Server
  readonly #connections = new Set<readonly [client: Socket, broker: Socket]>()
  #broker: { readonly host: string; readonly port: number } | undefined
  #isBlocked = false
  #delayMs = 0

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', client => this.#connect(client))
  }

  static async listen(): Promise<FaultProxy> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultProxy(server)
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** @param address host:port of the broker */
  forwardTo(address: string): void {
    const { hostname, port } = new URL(`tcp://${address}`)
    this.#broker = { host: hostname, port: Number(port) }
  }

  /** Blocks traffic in both directions until `restore`. */
  block(): void {
    this.#isBlocked = true
    for (const sockets of this.#connections) for (const socket of sockets) socket.pause()
  }

  /** Delays traffic in both directions until `restore`. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  restore(): void {
    this.#isBlocked = false
    this.#delayMs = 0
    for (const sockets of this.#connections) for (const socket of sockets) socket.resume()
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const sockets of this.#connections) for (const socket of sockets) socket.destroy()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #connect(client: Socket): void {
    if (!this.#broker) {
      client.destroy()
      return
    }
    const broker = createConnection({ ...this.#broker, noDelay: true })
    const sockets = [client, broker] as const
    this.#connections.add(sockets)
    const end = () => {
      this.#connections.delete(sockets)
      for (const socket of sockets) socket.destroy()
    }
    for (const [from, to] of [sockets, [broker, client] as const]) {
      from.on('data', bytes => {
        if (this.#delayMs > 0) setTimeout(() => to.write(bytes), this.#delayMs)
        else to.write(bytes)
      })
      from.on('error', end)
      from.on('close', end)
      if (this.#isBlocked) from.pause()
    }
  }
}
