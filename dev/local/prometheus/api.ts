export interface Sample {
  readonly metric: Record<string, string>
  /** Unix seconds and the value as text. */
  readonly value: [number, string]
}

export interface Series {
  readonly metric: Record<string, string>
  readonly values: [number, string][]
}

export interface ActiveTarget {
  readonly labels: Record<string, string>
  readonly discoveredLabels: Record<string, string>
  readonly scrapePool: string
  readonly scrapeUrl: string
  readonly health: 'up' | 'down' | 'unknown'
  readonly lastError: string
  readonly lastScrape: string
  readonly scrapeInterval: string
  readonly scrapeTimeout: string
}

/** A client of the HTTP API of Prometheus. Its methods reject with the error of Prometheus. */
export class PrometheusApi {
  constructor(readonly url: string) {}

  /**
   * Evaluates an instant query whose result is a vector. `time` is in Unix seconds, by default now.
   */
  async query(promql: string, time?: number): Promise<Sample[]> {
    const data = await this.#get('/api/v1/query', { query: promql, time })
    return (data as { result: Sample[] }).result
  }

  /** Evaluates a range query. `start` and `end` are in Unix seconds, `step` in seconds. */
  async queryRange(
    promql: string,
    range: { readonly start: number; readonly end: number; readonly step: number },
  ): Promise<Series[]> {
    const data = await this.#get('/api/v1/query_range', { query: promql, ...range })
    return (data as { result: Series[] }).result
  }

  /**
   * The stored samples that a range selector selects, with their own times. `time` is in Unix
   * seconds, by default now.
   */
  async samples(rangeSelector: string, time?: number): Promise<Series[]> {
    const data = await this.#get('/api/v1/query', { query: rangeSelector, time })
    return (data as { result: Series[] }).result
  }

  async targets(): Promise<ActiveTarget[]> {
    const data = await this.#get('/api/v1/targets', { state: 'active' })
    return (data as { activeTargets: ActiveTarget[] }).activeTargets
  }

  async ready(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/-/ready`)).ok
    } catch {
      return false
    }
  }

  /** Whether it has pages for a browser. The packages of Debian have only the API. */
  async hasPages(): Promise<boolean> {
    const page = await fetch(`${this.url}/query`)
    await page.body?.cancel()
    return page.ok
  }

  async #get(
    path: string,
    parameters: Record<string, string | number | undefined>,
  ): Promise<unknown> {
    const query = new URLSearchParams()
    for (const [key, value] of Object.entries(parameters)) {
      if (value !== undefined) query.set(key, String(value))
    }
    const response = await fetch(`${this.url}${path}?${query}`)
    const body = (await response.json()) as { status: string; data: unknown; error?: string }
    if (body.status !== 'success')
      throw new Error(`Prometheus responded with ${response.status}: ${body.error}`)
    return body.data
  }
}
