import { describe, expect, test } from 'vitest'
import { urlOf } from '../../../shared/http/address.js'

describe('the URL of a server', () => {
  const eth = { address: '10.1.2.3', family: 'IPv4', internal: false } as const
  const lo = { address: '127.0.0.1', family: 'IPv4', internal: true } as const
  const local = { address: 'fe80::1', family: 'IPv6', internal: false } as const
  const six = { address: '2001:db8::1', family: 'IPv6', internal: false } as const
  const interfaces = (...list: object[]) => ({ eth0: list }) as never

  test.each([
    ['127.0.0.1', interfaces(eth), 'http://127.0.0.1:9754'],
    ['::1', interfaces(eth), 'http://[::1]:9754'],
    ['::', interfaces(lo, local, six, eth), 'http://10.1.2.3:9754'],
    ['0.0.0.0', interfaces(lo, local, six), 'http://[2001:db8::1]:9754'],
    ['::', interfaces(lo), 'http://127.0.0.1:9754'],
  ])('that listens on %s with the interfaces %j is %s', (address, list, url) => {
    expect(urlOf({ address, port: 9754 }, list)).toBe(url)
  })
})
