import type { Exchange } from '../../shared/http/exchange.js'
import type { Finder, Handler } from '../../shared/http/fast-path.js'
import { Refusal } from '../../shared/http/refusal.js'
import { observed } from '../../shared/http/request-metrics.js'
import { sayWhy } from '../../shared/http/say-why.js'
import { change } from './changes.js'
import { ingest } from './ingest.js'
import { allowOrigins } from './json/answer.js'
import { cleanerPath, decodePath } from './paths.js'
import { type GroupRequest, push, remove } from './push.js'
import type { Services } from './services.js'
import { wipe } from './wipe.js'
import { write } from './write/write.js'

const GROUPS = '/metrics/'
const ACCUMULATE = '/accumulate/'
const API = '/api/v1/'
const WIPE = '/api/v1/admin/wipe'
const WRITE = '/api/v1/write'

type Handlers = Readonly<
  Record<string, (exchange: Exchange, request: GroupRequest) => Promise<void>>
>

/**
 * The handlers of requests that change something, which are found without a router: their paths are not fixed, and a
 * gateway gets thousands of them per second.
 */
export function findPush(services: Services): Finder {
  const store = change('push', services, push(services))
  const groups: Handlers = {
    PUT: store,
    POST: store,
    DELETE: change('delete', services, remove(services)),
  }
  const accumulate: Handlers = { POST: change('accumulate', services, push(services)) }
  const ingests = change('ingest', services, ingest(services))
  const { paths, routePrefix } = services
  const wipes = change('wipe', services, wipe(services))
  const { requests } = services.telemetry
  const writes = observed('write', { observer: requests, clock: services.clock }, write(services))

  return (method, received): Handler | undefined => {
    if (received === paths.ingest) return method === 'POST' ? ingests : only('POST')
    if (received.startsWith(API)) {
      if (method === 'OPTIONS') return answerOptions
      if (received === WRITE) return method === 'POST' ? writes : only('POST')
      if (received === WIPE && services.adminApi) return method === 'PUT' ? wipes : only('PUT')
    }
    if (!mayBeOurs(received)) return undefined
    return async exchange => {
      const path = decodePath(received)
      const clean = cleanerPath(path)
      if (clean !== undefined) {
        redirect(exchange, `${routePrefix}${encodeURI(clean)}`)
        return
      }
      const isGroup = path.startsWith(GROUPS)
      if (!isGroup && !path.startsWith(ACCUMULATE)) throw new Refusal(404, '404 page not found')
      const components = path.slice((isGroup ? GROUPS : ACCUMULATE).length).split('/')
      if (!isJob(components)) throw new Refusal(404, '404 page not found')
      const handlers = isGroup ? groups : accumulate
      if (!Object.hasOwn(handlers, method)) return refuseMethod(exchange, Object.keys(handlers))
      const name = isGroup ? method.toLowerCase() : 'accumulate'
      await handlers[method](exchange, {
        method: name as GroupRequest['method'],
        path: received,
        components,
      })
    }
  }
}

/** Paths that Koa's router does not have to see. */
const mayBeOurs = (path: string) =>
  path.startsWith(GROUPS) || path.startsWith(ACCUMULATE) || cleanerPath(path) !== undefined

const isJob = ([name, job]: readonly string[]) =>
  (name === 'job' || name === 'job@base64') && job !== undefined && job !== ''

/** As Pushgateway, which answers with 301 for every method. */
function redirect(exchange: Exchange, path: string): void {
  exchange.redirect(path)
  sayWhy(exchange, 301, 'Moved Permanently')
}

const only =
  (method: string): Handler =>
  async exchange =>
    refuseMethod(exchange, [method])

/** Every path of the API answers scripts of other origins. */
const answerOptions: Handler = async exchange => {
  allowOrigins(exchange)
  exchange.status = 200
}

function refuseMethod(exchange: Exchange, allowed: readonly string[]): void {
  const methods = [...allowed, 'OPTIONS'].sort()
  exchange.set('Allow', methods.join(', '))
  if (exchange.method === 'OPTIONS') exchange.status = 200
  else sayWhy(exchange, 405, 'Method Not Allowed')
}
