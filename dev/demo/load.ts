import { Agent, request } from 'node:http'
import { random } from './random.js'
import type { Call, Visit } from './service.js'

/** How long a busy and a quiet time together last. */
const TIDE_MS = 120_000

/** Visitors of a service: they come at random, more of them and fewer in turns. */
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
    if (this.#visitsPerSecond > 0) this.#next()
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#agent.destroy()
  }

  #next(): void {
    const tide = 1 + 0.5 * Math.sin((2 * Math.PI * Date.now()) / TIDE_MS)
    const wait = (-Math.log(1 - Math.random()) * 1000) / (this.#visitsPerSecond * tide)
    this.#timer = setTimeout(() => {
      this.#next()
      // A visitor whose request fails goes away: the service counts failures, its visitors do not.
      this.#visit(this.#call, random).catch(() => {})
    }, wait)
  }

  readonly #call: Call = (method, path) =>
    new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.#url),
        { method, agent: this.#agent, timeout: 10_000 },
        answer => {
          let text = ''
          answer.setEncoding('utf8')
          answer.on('data', chunk => {
            text += chunk
          })
          answer.on('error', reject)
          answer.on('end', () => resolve({ status: answer.statusCode!, body: decoded(answer.headers, text) }))
        },
      )
      sent.on('timeout', () => sent.destroy(new Error('timeout')))
      sent.on('error', reject)
      sent.end()
    })
}

const decoded = (headers: { 'content-type'?: string }, text: string): unknown =>
  headers['content-type']?.startsWith('application/json') ? JSON.parse(text) : text
