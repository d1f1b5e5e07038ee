import type { ProxyEnvironment } from '../shared/http/client/no-proxy.js'

/** The proxies of the environment, in lower or upper case. */
export function proxyEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): ProxyEnvironment {
  const variable = (name: string) => environment[name] ?? environment[name.toUpperCase()]
  return {
    http_proxy: variable('http_proxy'),
    https_proxy: variable('https_proxy'),
    no_proxy: variable('no_proxy'),
  }
}
