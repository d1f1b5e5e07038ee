import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { uncompressSync } from 'snappy'
import { WrittenSamples } from './written-samples.js'

/** A receiver of remote write that keeps everything: what a sender has really sent. */
export class WriteCapture {
  readonly written = new WrittenSamples()
  readonly errors: Error[] = []
  readonly #server: Server

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const coding = request.headers['content-encoding']
      // vmagent begins with a protocol of its own.
      if (coding !== undefined && coding !== 'snappy') {
        response.writeHead(415).end()
        return
      }
      const isV2 = request.headers['content-type']?.includes('write.v2') ?? false
      try {
        const body = uncompressSync(Buffer.concat(chunks)) as Buffer
        this.written.add(body, isV2 ? '2.0' : '1.0')
      } catch (error) {
        this.errors.push(error as Error)
      }
      response.writeHead(204, { 'X-Prometheus-Remote-Write-Samples-Written': '1' }).end()
    })
  }

  static async start(): Promise<WriteCapture> {
    const capture = new WriteCapture()
    await new Promise<void>(resolve => capture.#server.listen(0, '127.0.0.1', resolve))
    return capture
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1/write`
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise(resolve => this.#server.close(() => resolve()))
  }
}
