import type Router from '@koa/router'
import type { Registry } from 'prom-client'
import type { Random } from './random.js'

/** The requests of one visit. A request may depend on the responses to the previous ones. */
export type Visit = (call: Call, random: Random) => Promise<void>

/** Sends a request to the service and returns status and decoded body of the response. */
export type Call = (
  method: 'GET' | 'POST',
  path: string,
) => Promise<{ status: number; body: unknown }>

/** A demo application: its routes, its metrics, and the visits that generate its load. */
export interface DemoService {
  readonly job: string
  routes(router: Router, register: Registry, random: Random): void
  readonly visit: Visit
}
