import { Agent, request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { median } from '../table.js'

/** Push groups of the same size. */
export interface PushFleet {
  readonly groups: number
  readonly samples: number
}

const FAMILY = 10

/** The body of a push in text: families of ten samples, as a batch job has them. */
function bodyOf(group: number, { samples }: PushFleet, round: number): string {
  let body = ''
  for (let i = 0; i < samples; i++) {
    const family = Math.floor(i / FAMILY)
    if (i % FAMILY === 0)
      body += `# HELP batch_step_${family}_total Records handled by a step of the job.\n# TYPE batch_step_${family}_total counter\n`
    body += `batch_step_${family}_total{result="${i % 2 ? 'ok' : 'failed'}",table="table_${i % FAMILY}"} ${group * 1000 + i + round * 0.5}\n`
  }
  return body
}

export const pathOf = (group: number) => `/metrics/job/batch/instance/host-${group}`

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** One HTTP client with one connection. */
export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(private readonly url: string) {}

  send(
    method: string,
    path: string,
    body = '',
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { agent, url } = { agent: this.#agent, url: this.url + path }
      const sent = request(url, { method, agent, headers }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }),
        )
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/**
 * Pushes a range of groups with several clients at once.
 *
 * @returns milliseconds of each push
 */
export async function pushAll(
  url: string,
  fleet: PushFleet,
  options: { readonly round: number; readonly clients?: number; readonly count?: number },
): Promise<number[]> {
  const { round, clients = 8, count = fleet.groups } = options
  const times: number[] = []
  let next = 0
  const push = async () => {
    const client = new Client(url)
    try {
      while (next < count) {
        const group = next++ % fleet.groups
        const body = bodyOf(group, fleet, round)
        const start = performance.now()
        const { status, body: answer } = await client.send('PUT', pathOf(group), body)
        times.push(performance.now() - start)
        if (status !== 200 && status !== 202)
          throw new Error(`a push was answered with ${status}: ${answer}`)
      }
    } finally {
      client.close()
    }
  }
  await Promise.all(Array.from({ length: clients }, push))
  return times
}

/** @returns number of samples of the fleet in the exposition */
export async function scrape(url: string, encoding: 'identity' | 'gzip'): Promise<number> {
  const client = new Client(url)
  try {
    const { status, body } = await client.send('GET', '/metrics', '', {
      'accept-encoding': encoding,
    })
    if (status !== 200) throw new Error(`the scrape was answered with ${status}: ${body}`)
    const text = (body[0] === 0x1f ? gunzipSync(body) : body).toString('latin1')
    return text.match(/^batch_step_/gm)?.length ?? 0
  } finally {
    client.close()
  }
}

export function quantile(times: readonly number[], q: number): number {
  if (q === 0.5) return median(times)
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
}
