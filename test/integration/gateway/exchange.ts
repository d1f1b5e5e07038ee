import { request } from 'node:http'

/** A request with its path as it is, which `fetch` would change. */
export interface RawRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export function send(
  url: string,
  { method = 'PUT', path, headers = {}, body = '' }: RawRequest,
): Promise<RawResponse> {
  const { hostname, port } = new URL(url)
  const bytes = Buffer.from(body)
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method,
        path,
        headers: {
          ...('Transfer-Encoding' in headers ? {} : { 'Content-Length': bytes.length }),
          ...headers,
        },
        agent: false,
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(bytes)
  })
}
