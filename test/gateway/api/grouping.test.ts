import { describe, expect, test } from 'vitest'
import { groupingKeyOf } from '../../../gateway/api/grouping.js'
import { cleanerPath, decodePath } from '../../../gateway/api/paths.js'
import { unescapeName } from '../../../gateway/api/unescape-name.js'

const limits = { labels: 4, nameBytes: 20, valueBytes: 20 }
const keyOf = (path: string, utf8Names = false) =>
  groupingKeyOf(decodePath(path).split('/'), { utf8Names, limits })
    .map(({ name, value }) => `${name}=${value}`)
    .join(',')

describe('a grouping key', () => {
  test.each([
    ['job/a', 'job=a'],
    ['job/a/', 'job=a'],
    ['job/a/b/', 'b=,job=a'],
    ['job/a/z/1/b/2', 'b=2,job=a,z=1'],
    ['job/a/b/c/b/d', 'b=d,job=a'],
    ['job/a/job/b', 'job=a'],
    ['job@base64/YQ', 'job=a'],
    ['job@base64/YQ==', 'job=a'],
    ['job/a/path@base64/L3Zhcg==', 'job=a,path=/var'],
    ['job/a/path@base64/=', 'job=a,path='],
    ['job/a%20b', 'job=a b'],
    ['job/a+b', 'job=a+b'],
    ['job/a%2Fb/c', 'b=c,job=a'],
    ['job/%C3%A4', 'job=ä'],
  ])('of /metrics/%s is %s', (path, key) => {
    expect(keyOf(path)).toBe(key)
  })

  test.each([
    ['job/', /job name is required/],
    ['job@base64/=', /job name is required/],
    ['job/a/b', /odd number of components in label string "\/b"/],
    ['job@base64/Y', /invalid base64 encoding in job name/],
    ['job@base64/!!', /invalid base64 encoding in job name/],
    ['job/a/b@base64/_-8', /not UTF-8/],
    ['job/a/__x/y', /improper label name "__x"/],
    ['job/a/9x/y', /improper label name "9x"/],
    ['job/a/ä/y', /improper label name "ä"/],
    ['job/a/@base64/YQ', /improper label name ""/],
    ['job/a/b/%00', /NUL/],
    ['job/a/b/%ff', /percent encoding/],
    ['job/a/b/%zz', /percent encoding/],
    [`job/a/b/${'x'.repeat(21)}`, /more than 20 bytes/],
    [`job/a/${'x'.repeat(21)}/b`, /more than 20 bytes/],
    ['job/a/b/1/c/1/d/1/e/1', /5 labels, over the limit of 4/],
  ])('is refused for /metrics/%s', (path, message) => {
    expect(() => keyOf(path)).toThrow(message)
  })

  test('has names outside the legacy character set only if they are enabled', () => {
    expect(keyOf('job/a/U__x_2e_y/b')).toBe('U__x_2e_y=b,job=a')
    expect(keyOf('job/a/U__x_2e_y/b', true)).toBe('job=a,x.y=b')
    expect(keyOf('job/a/ä/b', true)).toBe('job=a,ä=b')
    expect(() => keyOf('job/a/U__/b', true)).toThrow(/improper label name "U__"/)
    expect(() => keyOf('job/a/U____x/b', true)).not.toThrow()
    expect(() => keyOf('job/a/U______x/b', true)).toThrow(/improper label name/)
  })
})

test.each([
  ['U__x_2e_y', 'x.y'],
  ['U__x__y', 'x_y'],
  ['U__x_1F600_', 'x😀'],
  ['U__x_d800_', 'U__x_d800_'],
  ['U__x_1234567_', 'U__x_1234567_'],
  ['U__x_2e', 'U__x_2e'],
  ['U__x_', 'U__x_'],
  ['U__x_zz_', 'U__x_zz_'],
  ['x_2e_y', 'x_2e_y'],
])('the escaped name %s stands for %s', (escaped, name) => {
  expect(unescapeName(escaped)).toBe(name)
})

test.each([
  ['/metrics/job/a', undefined],
  ['/metrics/job/a/', undefined],
  ['/metrics/job/a/b/...', undefined],
  ['/metrics/job/a//', '/metrics/job/a/'],
  ['//metrics/job//b/c', '/metrics/job/b/c'],
  ['/metrics/./job/a/../b', '/metrics/job/b'],
  ['/metrics/job/a/b/.', '/metrics/job/a/b'],
  ['/..', '/'],
])('the path %s is redirected to %s', (path, clean) => {
  expect(cleanerPath(path)).toBe(clean)
})
