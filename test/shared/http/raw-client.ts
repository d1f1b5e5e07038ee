import { connect, type Socket } from 'node:net'

export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A client that sends raw bytes and reads responses that have a Content-Length. */
export class RawClient {
  /** Resolves when the connection is closed by either side. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #more: () => void = () => {}

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', chunk => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#more()
    })
    this.#socket.on('error', () => {})
    this.closed = new Promise(resolve =>
      this.#socket.once('close', () => {
        resolve()
        this.#more()
      }),
    )
  }

  /** Resolves when the bytes are passed to the operating system, or the connection is closed. */
  async write(bytes: string | Uint8Array): Promise<void> {
    await Promise.race([
      new Promise<void>(resolve => this.#socket.write(bytes, () => resolve())),
      this.closed,
    ])
  }

  /** Sends a request line and headers, without a body. */
  head(line: string, headers: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const lines = Object.entries({ Host: 'test', ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    return this.write(`${line} HTTP/1.1\r\n${lines.join('')}\r\n`)
  }

  chunk(bytes: Uint8Array): Promise<void> {
    return this.write(
      Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]),
    )
  }

  /**
   * Reads the next response, which may be interim. Rejects if the connection is closed before its
   * end.
   */
  async response(): Promise<RawResponse> {
    for (;;) {
      const found = this.#parse()
      if (found) return found
      if (this.#socket.destroyed)
        throw new Error(`closed after ${JSON.stringify(this.#received.toString())}`)
      await new Promise<void>(resolve => {
        this.#more = resolve
      })
    }
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Resets the connection. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  #parse(): RawResponse | undefined {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [first, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n')
    const headers = new Map(
      lines.map(line => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 2),
      ]),
    )
    const from = end + 4
    const to = from + Number(headers.get('content-length') ?? 0)
    if (this.#received.length < to) return undefined
    const body = this.#received.toString('utf8', from, to)
    this.#received = this.#received.subarray(to)
    return { status: Number(first.split(' ')[1]), headers, body }
  }
}
