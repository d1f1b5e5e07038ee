import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'

/**
 * The URL under which a server is reached that listens there: the address itself, or, when it listens on every interface,
 * the first address of this machine that others can use.
 */
export function urlOf(
  { address, port }: Pick<AddressInfo, 'address' | 'port'>,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
  scheme: 'http' | 'https' = 'http',
): string {
  const everywhere = address === '::' || address === '0.0.0.0'
  const host = everywhere ? outwardAddress(interfaces) : address
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function outwardAddress(interfaces: ReturnType<typeof networkInterfaces>): string {
  const outward = Object.values(interfaces)
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  const found = outward.find(({ family }) => family === 'IPv4') ?? outward[0]
  return found?.address ?? '127.0.0.1'
}
