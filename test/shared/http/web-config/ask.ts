import { type IncomingHttpHeaders, request } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** Serial number of the server certificate; empty without TLS. */
  readonly serial: string
}

export const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

/**
 * Sends a request on a new connection. Rejects if it is cut off, or if `ca` does not trust the
 * server.
 */
export function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : request
    const sent = send(url, { agent: false, ...options }, response => {
      const socket = response.socket as Socket | TLSSocket
      const serial = 'getPeerCertificate' in socket ? socket.getPeerCertificate().serialNumber : ''
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(chunks)
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body,
          text: body.toString('utf8'),
          serial,
        })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}
