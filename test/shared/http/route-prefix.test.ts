import { expect, test } from 'vitest'
import { routePrefix } from '../../../shared/http/route-prefix.js'

test.each([
  [undefined, undefined, ''],
  [undefined, 'https://metrics.example', ''],
  [undefined, 'https://metrics.example/', ''],
  [undefined, 'https://metrics.example/push/', '/push'],
  ['/', 'https://metrics.example/push', ''],
  ['', 'https://metrics.example/push', ''],
  ['push', undefined, '/push'],
  ['/push//to/', 'https://metrics.example/other', '/push/to'],
])('--web.route-prefix=%s --web.external-url=%s: "%s"', (flag, externalUrl, expected) => {
  expect(routePrefix(flag, externalUrl)).toBe(expected)
})
