import { BlockList, isIP } from 'node:net'

/** Variables of the environment that name proxies, in lower case as Go and curl read them. */
export interface ProxyEnvironment {
  readonly http_proxy?: string | undefined
  readonly https_proxy?: string | undefined
  readonly no_proxy?: string | undefined
}

/**
 * Returns whether requests to a host are sent without the proxy. The list has host names with their
 * subdomains, `.example.org` for subdomains only, IP addresses, CIDR blocks, each with a port or
 * without, and `*`. Local hosts never use a proxy.
 *
 * @see https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
 */
export function bypassesProxy(url: URL, noProxy: string): boolean {
  const host = hostOf(url)
  if (host === 'localhost' || isLoopback(host)) return true
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return noProxy
    .split(',')
    .map(entry => entry.trim().toLowerCase())
    .some(entry => entry !== '' && matches(entry, host, port))
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isIP(host) > 0 && isWithin(host, entry)
  const [, bracketed, plain, entryPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? []
  const name = bracketed ?? plain ?? entry
  if (entryPort !== undefined && entryPort !== port) return false
  if (isIP(name)) return canonical(name) === canonical(host)
  const domain = name.replace(/^\*?\./, '')
  const onlySubdomains = domain !== name
  return host.endsWith(`.${domain}`) || (!onlySubdomains && host === domain)
}

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

function isLoopback(host: string): boolean {
  return isIP(host) > 0 && (isWithin(host, '127.0.0.0/8') || isWithin(host, '::1/128'))
}

function isWithin(address: string, block: string): boolean {
  const [network, bits] = block.split('/')
  const length = Number(bits)
  if (!isIP(network) || familyOf(network) !== familyOf(address)) return false
  if (!/^\d+$/.test(bits) || length > (isIP(network) === 6 ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(network, length, familyOf(network))
  return list.check(address, familyOf(address))
}
