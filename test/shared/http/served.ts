import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Application, type ApplicationOptions } from '../../../shared/http/application.js'
import {
  close,
  createHttpServer,
  listen,
  type ServerLimits,
  serve,
} from '../../../shared/http/server.js'

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly error: unknown
}

/** An application with the test's routes, on a port of 127.0.0.1. */
export class Served {
  readonly log: LogLine[] = []
  readonly sockets: Socket[] = []

  private constructor(readonly server: Server) {
    server.on('connection', socket => this.sockets.push(socket))
  }

  static async start(
    addRoutes: (app: Application) => void,
    options: Partial<ApplicationOptions> & { readonly limits?: Partial<ServerLimits> } = {},
  ): Promise<Served> {
    const served = new Served(createHttpServer({ maxConnections: 1000, ...options.limits }))
    const at = (level: string) => (message: string, fields?: Record<string, unknown>) =>
      void served.log.push({ level, message, error: fields?.error })
    const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    const app = new Application({ web: undefined, logger, realm: 'test', ...options })
    addRoutes(app)
    serve(served.server, app.listener())
    await listen(served.server, { host: '127.0.0.1', port: 0 })
    return served
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    await close(this.server, 0)
  }
}
