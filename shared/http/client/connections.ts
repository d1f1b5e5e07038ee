import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { type HttpProxy, TunnelAgent } from './tunnel.js'

/** Idle connections are closed after this time, ms. */
const IDLE_MS = 5 * 60_000

/** The connections of a client, kept alive by host and proxy. */
export class Connections {
  #agents = new Map<string, HttpAgent>()
  #tls: ConnectionOptions = {}

  /** @param maxPerHost maximum number of connections to one host; further requests wait */
  constructor(private readonly maxPerHost: number) {}

  /** New connections use these settings. Those with others are closed when they are idle. */
  useTls(tls: ConnectionOptions): void {
    if (isEqual(tls, this.#tls)) return
    this.#tls = tls
    const agents = [...this.#agents.values()]
    this.#agents.clear()
    for (const agent of agents) {
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? []) socket.destroy()
      agent.maxFreeSockets = 0
    }
  }

  agent(url: URL, proxy: HttpProxy | undefined): HttpAgent {
    const secure = url.protocol === 'https:'
    const key = `${secure} ${proxy?.url.href ?? ''}`
    let agent = this.#agents.get(key)
    if (!agent) {
      agent = this.#create(secure, proxy)
      this.#agents.set(key, agent)
    }
    return agent
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #create(secure: boolean, proxy: HttpProxy | undefined): HttpAgent {
    const options = {
      keepAlive: true,
      maxSockets: this.maxPerHost,
      maxFreeSockets: this.maxPerHost,
      timeout: IDLE_MS,
    }
    if (secure)
      return proxy
        ? new TunnelAgent(proxy, { ...options, ...this.#tls })
        : new HttpsAgent({ ...options, ...this.#tls })
    // Without a tunnel the host of the request is that of the proxy.
    return proxy?.url.protocol === 'https:'
      ? new HttpsAgent({ ...options, ...proxy.tls })
      : new HttpAgent(options)
  }
}

function isEqual(a: ConnectionOptions, b: ConnectionOptions): boolean {
  const keys = Object.keys(a) as (keyof ConnectionOptions)[]
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key])
}
