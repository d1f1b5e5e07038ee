import { Agent, request } from 'node:http'
import { random } from './random.js'
import type { Call, Visit } from './service.js'

/** Period of the sine wave that varies the visit rate. */
const PERIOD_MS = 120_000

/** Load generator: visits as a Poisson process with a rate that rises and falls. */
export class Load {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 20 })
  readonly #url: string
  readonly #visitsPerSecond: number
  readonly #visit: Visit
  #timer: NodeJS.Timeout | null = null

  constructor(url: string, visitsPerSecond: number, visit: Visit) {
    this.#url = url
    this.#visitsPerSecond = visitsPerSecond
    this.#visit = visit
  }

  start(): void {
    if (this.#visitsPerSecond > 0) this.#scheduleVisit()
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#agent.destroy()
  }

  #scheduleVisit(): void {
    const factor = 1 + 0.5 * Math.sin((2 * Math.PI * Date.now()) / PERIOD_MS)
    const delay = (-Math.log(1 - Math.random()) * 1000) / (this.#visitsPerSecond * factor)
    this.#timer = setTimeout(() => {
      this.#scheduleVisit()
      // A failed request ends the visit. The service counts it.
      this.#visit(this.#call, random).catch(() => {})
    }, delay)
  }

  readonly #call: Call = (method, path) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(path, this.#url),
        { method, agent: this.#agent, timeout: 10_000 },
        response => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', chunk => {
            text += chunk
          })
          response.on('error', reject)
          response.on('end', () =>
            resolve({ status: response.statusCode!, body: decodeBody(response.headers, text) }),
          )
        },
      )
      outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')))
      outgoing.on('error', reject)
      outgoing.end()
    })
}

const decodeBody = (headers: { 'content-type'?: string }, text: string): unknown =>
  headers['content-type']?.startsWith('application/json') ? JSON.parse(text) : text
