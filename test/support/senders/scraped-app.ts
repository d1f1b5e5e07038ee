import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An application that is scraped, counts its scrapes, and can fail. */
export class ScrapedApp {
  scrapes = 0
  isFailing = false

  private constructor(
    readonly address: string,
    private readonly server: Server,
  ) {}

  /** @param page text of a page by the number of the scrape, from 1 */
  static async start(page: (scrape: number) => string): Promise<ScrapedApp> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const app = new ScrapedApp(`127.0.0.1:${(server.address() as AddressInfo).port}`, server)
    server.on('request', (_, response) => {
      response.setHeader('Content-Type', 'text/plain; version=0.0.4')
      if (app.isFailing) response.writeHead(503).end()
      else response.end(page(++app.scrapes))
    })
    return app
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise(resolve => this.server.close(resolve))
  }
}

/** Number of series of `sameValues`. */
export const SERIES = 60

/** All series of a target have the number of the scrape, so that mixed scrapes are seen. */
export const sameValues = (scrape: number): string =>
  `# HELP scrape_number Number.\n# TYPE scrape_number gauge\n${Array.from(
    { length: SERIES },
    (_, i) => `scrape_number{i="${i}"} ${scrape}\n`,
  ).join('')}`

/** A sample with a time of its own, and values that are compared bit for bit. */
export const ownTimes = (scrape: number): string =>
  `own_time ${Math.random()} ${Date.now() - 2000}\nscrapes ${scrape}\nnan NaN\ninf -Inf\nrandom ${Math.random()}\n`
