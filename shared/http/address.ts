import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'

/**
 * Returns the URL of a server by its listen address. For a server that listens on all interfaces,
 * this is the first external address of this machine, preferably an IPv4 one.
 */
export function urlOf(
  { address, port }: Pick<AddressInfo, 'address' | 'port'>,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
  scheme: 'http' | 'https' = 'http',
): string {
  const isWildcard = address === '::' || address === '0.0.0.0'
  const host = isWildcard ? externalAddress(interfaces) : address
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function externalAddress(interfaces: ReturnType<typeof networkInterfaces>): string {
  const external = Object.values(interfaces)
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  const found = external.find(({ family }) => family === 'IPv4') ?? external[0]
  return found?.address ?? '127.0.0.1'
}
