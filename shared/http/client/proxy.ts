import type { ConnectionOptions } from 'node:tls'
import { HttpClientError } from './failure.js'
import { bypassesProxy, type ProxyEnvironment } from './no-proxy.js'
import type { HttpClientFields } from './schema.js'
import type { HttpProxy } from './tunnel.js'

type ProxyFields = Pick<
  HttpClientFields,
  'proxy_url' | 'no_proxy' | 'proxy_from_environment' | 'proxy_connect_header'
>

/** Chooses the proxy of a request. */
export class ProxyChoice {
  constructor(
    private readonly fields: ProxyFields,
    private readonly environment: ProxyEnvironment,
  ) {}

  /**
   * @param tls settings of the connection to a proxy with the scheme https
   * @throws HttpClientError if the environment has an invalid URL
   */
  proxyOf(url: URL, tls: ConnectionOptions): HttpProxy | undefined {
    const proxy = this.#urlOf(url)
    if (!proxy) return undefined
    const headers: Record<string, string | readonly string[]> = {
      ...this.fields.proxy_connect_header,
    }
    if (proxy.username || proxy.password) {
      const login = [proxy.username, proxy.password].map(decodeURIComponent).join(':')
      headers['proxy-authorization'] = `Basic ${Buffer.from(login).toString('base64')}`
    }
    return { url: proxy, headers, tls }
  }

  #urlOf(url: URL): URL | undefined {
    const { proxy_url: configured, no_proxy: noProxy, proxy_from_environment } = this.fields
    if (configured) {
      // As in Prometheus, local hosts are exempt only beside no_proxy.
      return noProxy && bypassesProxy(url, noProxy) ? undefined : new URL(configured)
    }
    if (!proxy_from_environment) return undefined
    const text =
      url.protocol === 'https:' ? this.environment.https_proxy : this.environment.http_proxy
    if (!text || bypassesProxy(url, this.environment.no_proxy ?? '')) return undefined
    const withScheme = text.includes('://') ? text : `http://${text}`
    if (!/^https?:/i.test(withScheme) || !URL.canParse(withScheme))
      throw new HttpClientError('config', 'the proxy of the environment is not an HTTP URL')
    return new URL(withScheme)
  }
}
