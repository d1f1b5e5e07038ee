import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A receiver of remote write that accepts and forgets everything. */
export class NullReceiver {
  requests = 0
  bytes = 0

  private constructor(private readonly server: Server) {}

  static async start(): Promise<NullReceiver> {
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => {
        receiver.bytes += chunk.length
      })
      request.on('end', () => {
        receiver.requests++
        response.writeHead(204).end()
      })
    })
    const receiver = new NullReceiver(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/v1/write`
  }

  stop(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}
