import { STATUS_CODES } from 'node:http'
import type { HttpClient } from '../../../shared/http/client/types.js'
import type { Discovery } from './discovery.js'
import { readTargetGroups, type TargetGroup } from './target-group.js'

const MAX_BYTES = 64 * 1024 * 1024
/** 100,000 groups with 20 labels have half as many. The memory of a value is up to 100 bytes. */
const MAX_VALUES = 5_000_000
const COMMA = 0x2c
const COLON = 0x3a
/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
const JSON_TYPE = /^application\/json(;\s*charset=("utf-8"|utf-8))?$/i

export interface HttpDiscoveryOptions {
  readonly url: string
  readonly intervalMs: number
  readonly client: HttpClient
}

/** Finds the targets at an HTTP endpoint. When it fails, they stay as they were. */
export class HttpDiscovery implements Discovery {
  groups: readonly TargetGroup[] | undefined
  problem: string | undefined
  failures = 0
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(private readonly options: HttpDiscoveryOptions) {}

  start(onChange: () => void): void {
    const { intervalMs } = this.options
    const refresh = async () => {
      const begun = performance.now()
      try {
        this.groups = await this.#request()
        this.problem = undefined
      } catch (error) {
        this.failures++
        this.problem = (error as Error).message
      }
      if (this.#stopped.signal.aborted) return
      onChange()
      const waitMs = Math.min(Math.max(0, intervalMs - (performance.now() - begun)), MAX_TIMER_MS)
      this.#timer = setTimeout(() => void refresh(), waitMs).unref()
    }
    void refresh()
  }

  stop(): void {
    this.#stopped.abort()
    clearTimeout(this.#timer)
    this.options.client.close()
  }

  async #request(): Promise<TargetGroup[]> {
    const { url, intervalMs, client } = this.options
    const { status, headers, body } = await client.request({
      method: 'GET',
      url: new URL(url),
      headers: {
        accept: 'application/json',
        'x-prometheus-refresh-interval-seconds': String(intervalMs / 1000),
      },
      timeoutMs: Math.min(intervalMs, MAX_TIMER_MS),
      maxBytes: MAX_BYTES,
      signal: this.#stopped.signal,
    })
    if (status !== 200)
      throw new Error(
        `server returned HTTP status ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd(),
      )
    const type = headers['content-type'] ?? ''
    if (!JSON_TYPE.test(type.trim()))
      throw new Error(`unsupported content type ${JSON.stringify(type)}`)
    return readTargetGroups(parseBody(body)).map(({ targets, labels }, i) => ({
      targets,
      labels: { ...labels, __meta_url: url },
      source: `${url}:${i}`,
    }))
  }
}

/** Parses JSON. @throws Error if it is invalid, or has so many values that they need much memory */
function parseBody(body: Buffer): unknown {
  let values = 0
  for (const byte of body) if (byte === COMMA || byte === COLON) values++
  if (values > MAX_VALUES) throw new Error(`more than ${MAX_VALUES} values`)
  return JSON.parse(body.toString())
}
