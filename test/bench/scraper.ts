import { connect, type Socket } from 'node:net'

/** The response to a scrape. */
export interface ScrapeResponse {
  readonly status: number
  /** Size of the body as sent, bytes. */
  readonly bytes: number
}

const HEAD_END = Buffer.from('\r\n\r\n')

/**
 * A persistent connection that sends the requests of Prometheus. It parses only the headers of
 * responses.
 */
export class Scraper {
  readonly #socket: Socket
  #received: Buffer[] = []
  #resolve: (response: ScrapeResponse) => void = () => {}
  #reject: (error: Error) => void = () => {}
  #wanted = 0
  #has = 0
  #status = 0
  #bytes = 0

  constructor(
    private readonly host: string,
    port: number,
    private readonly encoding: string,
  ) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', chunk => this.#receive(chunk))
    this.#socket.on('error', error => this.#reject(error))
    this.#socket.on('close', () => this.#reject(new Error('the shard closed the connection')))
  }

  /** Sends a request. Only one may be in flight. */
  scrape(path: string): Promise<ScrapeResponse> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${this.host}\r\nUser-Agent: Prometheus/3.5.0\r\n` +
          'Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
          'application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,' +
          'text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n' +
          `Accept-Encoding: ${this.encoding}\r\nX-Prometheus-Scrape-Timeout-Seconds: 5\r\n\r\n`,
      )
    })
  }

  close(): void {
    this.#reject = () => {}
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#has += chunk.length
    if (this.#wanted === 0) this.#parseHead()
    if (this.#wanted === 0 || this.#has < this.#wanted) return
    this.#received = []
    this.#wanted = 0
    this.#has = 0
    this.#resolve({ status: this.#status, bytes: this.#bytes })
  }

  #parseHead(): void {
    const all = Buffer.concat(this.#received)
    this.#received = [all]
    const end = all.indexOf(HEAD_END)
    if (end < 0) return
    const head = all.toString('latin1', 0, end)
    this.#status = Number(head.slice(9, 12))
    const length = /^content-length: (\d+)$/im.exec(head)?.[1]
    if (length === undefined) this.#reject(new Error(`a response without content-length: ${head}`))
    this.#bytes = Number(length)
    this.#wanted = end + HEAD_END.length + this.#bytes
  }
}
