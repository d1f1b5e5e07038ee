import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createConnection, createServer, type Server, type Socket } from 'node:net'

/**
 * A wire to a broker that can be cut, or made slow, without anybody at its ends being told: connections stay open, and nothing passes. That is
 * what a firewall that begins to drop does, and what a stopped process does not.
 */
export class FaultProxy {
  readonly port: number
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #target: { readonly host: string; readonly port: number } | undefined
  #cut = false
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

  /** @param address host:port */
  to(address: string): this {
    const { hostname, port } = new URL(`tcp://${address}`)
    this.#target = { host: hostname, port: Number(port) }
    return this
  }

  /** From now on nothing passes, in either direction. */
  cut(): void {
    this.#cut = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** Everything arrives so much later. */
  slow(ms: number): void {
    this.#delayMs = ms
  }

  restore(): void {
    this.#cut = false
    this.#delayMs = 0
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #connect(client: Socket): void {
    if (!this.#target) {
      client.destroy()
      return
    }
    const broker = createConnection({ ...this.#target, noDelay: true })
    const pair = [client, broker] as const
    this.#pairs.add(pair)
    const end = () => {
      this.#pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const [from, to] of [pair, [broker, client] as const]) {
      from.on('data', bytes => {
        if (this.#delayMs > 0) setTimeout(() => to.write(bytes), this.#delayMs)
        else to.write(bytes)
      })
      from.on('error', end)
      from.on('close', end)
      if (this.#cut) from.pause()
    }
  }
}
