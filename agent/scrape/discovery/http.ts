import { STATUS_CODES } from 'node:http'
import { runInSlices } from '../../../shared/base/steps.js'
import type { HttpClient } from '../../../shared/http/client/types.js'
import { redacted } from '../redacted.js'
import type { Discovery, RefreshCounts } from './discovery.js'
import { parseGroupsSteps } from './parse-groups.js'
import type { TargetGroup } from './target-group.js'

/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
const JSON_TYPE = /^application\/json(;\s*charset=("utf-8"|utf-8))?$/i

export interface HttpDiscoveryOptions {
  readonly url: string
  readonly intervalMs: number
  readonly client: HttpClient
  /** Maximum size of a response, bytes. */
  readonly maxBytes: number
  readonly counts: RefreshCounts
}

/** Finds the targets at an HTTP endpoint. When it fails, they stay as they were. */
export class HttpDiscovery implements Discovery {
  readonly mechanism = 'http'
  groups: readonly TargetGroup[] | undefined
  problems: readonly string[] = []
  failures = 0
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(private readonly options: HttpDiscoveryOptions) {}

  get source(): string {
    return this.options.url
  }

  start(onChange: () => void): void {
    const { intervalMs, counts } = this.options
    const refresh = async () => {
      const begun = performance.now()
      try {
        const groups = await this.#request()
        if (this.#stopped.signal.aborted) return
        this.groups = groups
        this.problems = []
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        this.failures++
        counts.failures++
        this.problems = [`${redacted(new URL(this.source))}: ${(error as Error).message}`]
      }
      counts.refreshes++
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
    const { url, intervalMs, client, maxBytes } = this.options
    const { status, headers, body } = await client.request({
      method: 'GET',
      url: new URL(url),
      headers: {
        accept: 'application/json',
        'x-prometheus-refresh-interval-seconds': String(intervalMs / 1000),
      },
      timeoutMs: Math.min(intervalMs, MAX_TIMER_MS),
      maxBytes,
      signal: this.#stopped.signal,
    })
    if (status !== 200)
      throw new Error(
        `server returned HTTP status ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd(),
      )
    const type = headers['content-type'] ?? ''
    if (!JSON_TYPE.test(type.trim()))
      throw new Error(`unsupported content type ${JSON.stringify(type)}`)
    return runInSlices(parseGroupsSteps(body, url, { __meta_url: url }))
  }
}
