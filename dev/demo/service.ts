import type Router from '@koa/router'
import type { Registry } from 'prom-client'
import type { Random } from './random.js'

/** One request that a visitor makes; may depend on what the answers before it said. */
export type Visit = (call: Call, random: Random) => Promise<void>

/** Makes a request to the service itself and returns its status and the decoded body. */
export type Call = (method: 'GET' | 'POST', path: string) => Promise<{ status: number; body: unknown }>

/** A demo application: routes with something behind them, metrics of its own, and visitors that keep it busy. */
export interface DemoService {
  readonly job: string
  routes(router: Router, register: Registry, random: Random): void
  readonly visit: Visit
}
