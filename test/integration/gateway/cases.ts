import { gzipSync } from 'node:zlib'
import { crc32c } from '../../../shared/base/crc32c.js'
import { encode, TYPES } from '../../shared/metrics/protobuf/schema.js'
import type { Difference } from './differences.js'
import type { RawRequest } from './exchange.js'

/** Requests that are sent one after the other, to a gateway without push groups. */
export interface Case {
  readonly title: string
  readonly requests: readonly RawRequest[]
  /** Why ours differs. */
  readonly differs?: Difference
}

const X = 'x{a="1"} 1\n'

const to = (path: string, body: RawRequest['body'] = X, rest: Partial<RawRequest> = {}) => ({
  path,
  body,
  ...rest,
})

const pathCase = (path: string, differs?: Difference): Case => ({
  title: `PUT ${path}`,
  requests: [to(path)],
  ...(differs && { differs }),
})

const bodyCase = (body: string, differs?: Difference): Case => ({
  title: `body ${JSON.stringify(body)}`,
  requests: [to('/metrics/job/z', Buffer.from(body, 'latin1'))],
  ...(differs && { differs }),
})

const PATHS: readonly Case[] = [
  pathCase('/metrics/job/a'),
  pathCase('/metrics/job/a/'),
  pathCase('/metrics/job/a//'),
  pathCase('/metrics/job//b/c'),
  pathCase('/metrics/job', undefined),
  pathCase('/metrics/job/', 'other spelling'),
  pathCase('/metrics/jobs/a'),
  pathCase('/metrics/a/b'),
  pathCase('/METRICS/job/a', 'other spelling'),
  pathCase('/metrics//job/a'),
  pathCase('//metrics/job/a'),
  pathCase('/metrics/./job/a'),
  pathCase('/metrics/job/a/../b'),
  pathCase('/metrics/job/a/%2E%2E/b'),
  pathCase('/metrics/job/a/b/.'),
  pathCase('/metrics/job/a/b/...'),
  pathCase('/metrics/job/a/b'),
  pathCase('/metrics/job/a/b/'),
  pathCase('/metrics/job/a/b/c/d'),
  pathCase('/metrics/job/a/b//c/d'),
  pathCase('/metrics/job/a%2Fb'),
  pathCase('/metrics/job/a%2Fb/c'),
  pathCase('/metrics/job/a/b/c%2Fd'),
  pathCase('/metrics/job/a/b/%zz'),
  pathCase('/metrics/job/a/b/%ff', 'not UTF-8'),
  pathCase('/metrics/job/a/b/%00', 'NUL'),
  pathCase('/metrics/job/a/__x/y'),
  pathCase('/metrics/job/a/9x/y'),
  pathCase('/metrics/job/a/x-y/z'),
  pathCase('/metrics/job/a/%C3%A4/b'),
  pathCase('/metrics/job/%C3%A4/b/%F0%9F%98%80'),
  pathCase('/metrics/job/a/job/b'),
  pathCase('/metrics/job/a/instance/'),
  pathCase('/metrics/job/a/instance/i'),
  pathCase('/metrics/job/a/b/c/b/d'),
  pathCase('/metrics/job/a%20b/c/d%22e%5Cf%0Ag'),
  pathCase('/metrics/job/a+b'),
  pathCase('/metrics/job/a;b=c'),
  pathCase('/metrics/job/a?x=1'),
  pathCase('/metrics/job/a/U__x_2e_y/b'),
  pathCase('/metrics/job@base64/YQ'),
  pathCase('/metrics/job@base64/YQ=='),
  pathCase('/metrics/job@base64/YQ%3D%3D'),
  pathCase('/metrics/job@base64/='),
  pathCase('/metrics/job@base64/Y'),
  pathCase('/metrics/job@base64/!!'),
  pathCase('/metrics/job@base64/YQ/b@base64/L3Zhcg=='),
  pathCase('/metrics/job/a/b@base64/='),
  pathCase('/metrics/job/a/b@base64/'),
  pathCase('/metrics/job/a/b@base64/Y+/'),
  pathCase('/metrics/job/a/b@base64/Y+'),
  pathCase('/metrics/job/a/b@base64/_-8', 'not UTF-8'),
  pathCase('/metrics/job/a/@base64/YQ'),
  pathCase('/metrics/job/a/b@base64@base64/YQ'),
]

const PLAIN_BODIES: readonly Case[] = [
  bodyCase(''),
  bodyCase('\n'),
  bodyCase('# just a comment\n'),
  bodyCase('x 1'),
  bodyCase('x 1\n'),
  bodyCase('x 1\r\n'),
  bodyCase('x\n'),
  bodyCase('x one\n'),
  bodyCase('x 1 1000\n'),
  bodyCase('x 1 1000\ny 1\n'),
  bodyCase('9x 1\n'),
  bodyCase('<html>\n'),
  bodyCase('x 0x1p4\n'),
  bodyCase(
    'x{job="other",instance="q",b="2",a="1"} 1e6\nx{instance=""} 123456789\ny NaN\nz -Inf\nw -0\n',
  ),
  bodyCase('x{a="1",a="2"} 1\n'),
  bodyCase('x{a="\xff"} 1\n'),
  bodyCase('x{a="\xc3\xa4"} 1\n'),
  bodyCase('x{a="q\\"b\\\\n\\nl"} 1\n'),
  bodyCase('x{a="\\q"} 1\n'),
  bodyCase('x{a=""} 1\n'),
  bodyCase('x{a=""} 1\nx 1\n'),
  bodyCase('x{__a="1"} 1\n'),
  bodyCase('x{__name__="1"} 1\n'),
  bodyCase('x{le="1"} 1\n'),
  bodyCase('{"my.metric"} 1\n'),
  bodyCase('{"metric",a="1"} 1\n'),
  bodyCase('x{"my.l"="1"} 1\n'),
  bodyCase('x 1\nx 1\n'),
  bodyCase('x{a="1"} 1\nx{a="1"} 2\n'),
  bodyCase('x 1\nx{instance=""} 2\n'),
  bodyCase('# HELP x\n# TYPE x counter\nx 1\n'),
  bodyCase('# HELP x a\\\\b\\n"c"\nx 1\n'),
  bodyCase('# HELP x one\n# HELP x two\nx 1\n'),
  bodyCase('# TYPE x counter\n# TYPE x counter\nx 1\n'),
  bodyCase('x 1\n# TYPE x counter\n'),
  bodyCase('# TYPE x counter\n'),
  bodyCase('# TYPE x nonsense\nx 1\n'),
  bodyCase('# TYPE c counter\nc_total 1\n'),
  bodyCase('# TYPE x untyped\nx 1\n'),
  bodyCase('# TYPE x GAUGE\nx 1\n'),
  bodyCase('x 1\n# EOF\n'),
  bodyCase('push_time_seconds 5\nx 1\n'),
  bodyCase('# TYPE push_time_seconds counter\npush_time_seconds 5\n'),
  bodyCase('push_failure_time_seconds{a="b"} 5\n'),
  bodyCase('# TYPE go_goroutines gauge\ngo_goroutines{a="b"} 1\n'),
  bodyCase('go_goroutines 1\n', 'own metrics'),
]

const COMPOSED_BODIES: readonly Case[] = [
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="0.5"} 1\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 3\nh_sum 2\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 3\nh_sum 2\nh_count 3\n'),
  bodyCase('# TYPE h histogram\nh_sum 2\n'),
  bodyCase('# TYPE h histogram\nh_count 2\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1.5\nh_count 2.5\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} -1\nh_count 2\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1"} 2\n', 'bucket twice'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1.0"} 1\nh_bucket{le="1"} 2\n', 'bucket twice'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1e9"} 1\nh_count 3\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="0.10"} 1\nh_count 3\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="x"} 1\nh_count 3\n'),
  bodyCase('# TYPE h histogram\nh{le="1"} 1\nh_count 3\n'),
  bodyCase('# TYPE h histogram\nh 1\n', 'no bound'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 3\nh_bucket{le="+Inf"} 5\n'),
  bodyCase('# TYPE h histogram\nh_sum 1\nh_sum 2\nh_count 1\n'),
  bodyCase(
    '# TYPE h histogram\nh_bucket{a="1",le="1"} 1\nh_bucket{a="2",le="1"} 1\nh_count{a="1"} 1\n',
  ),
  bodyCase('# TYPE h histogram\nh_bucket{le="1",quantile="2"} 1\n'),
  bodyCase('h_count 1\n# TYPE h histogram\nh_bucket{le="1"} 1\n'),
  bodyCase('h_bucket{le="1"} 1\n# TYPE h histogram\nh_count 1\n'),
  bodyCase('h_total 1\n# TYPE h histogram\nh_count 1\n'),
  bodyCase('# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 1\n# TYPE h_count gauge\n'),
  bodyCase('# TYPE s summary\ns{quantile="0.5"} 1\n'),
  bodyCase('# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 3\n'),
  bodyCase('# TYPE s summary\ns_count 1\n'),
  bodyCase('# TYPE s summary\ns_sum 1.5\ns_count 1.5\n', 'fractional count'),
  bodyCase('# TYPE s summary\ns 1.5\n', 'no bound'),
  bodyCase('# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="0.5"} 2\n', 'bucket twice'),
  bodyCase('# TYPE s summary\ns_sum 1\ns_sum 2\n'),
  bodyCase('s_sum 1\n# TYPE s summary\ns_count 1\n'),
  bodyCase('# TYPE s gaugehistogram\ns_sum 1\ns_count 2\ns_bucket{le="1"} 3\n'),
]

const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'
const families = encode(
  { name: 'c', help: 'h', type: TYPES.COUNTER, metric: [{ counter: { value: 1 } }] },
  {
    name: 'h',
    type: TYPES.HISTOGRAM,
    metric: [
      {
        label: [{ name: 'a', value: 'b' }],
        histogram: {
          sampleCount: 3,
          sampleSum: 4,
          bucket: [{ cumulativeCount: 1, upperBound: 1 }],
        },
      },
    ],
  },
  {
    name: 's',
    type: TYPES.SUMMARY,
    metric: [
      { summary: { sampleCount: 3, sampleSum: 4, quantile: [{ quantile: 0.5, value: 2 }] } },
    ],
  },
)
const gauge = (
  name: string,
  value: number,
  label: readonly { name: string; value: string }[] = [],
) => ({
  name,
  type: TYPES.GAUGE,
  metric: [{ label, gauge: { value } }],
})

const bytes = (title: string, body: Buffer, differs?: Difference): Case => ({
  title,
  requests: [to('/metrics/job/z', body, { headers: { 'Content-Type': PROTOBUF } })],
  ...(differs && { differs }),
})

const PROTOBUF_BODIES: readonly Case[] = [
  bytes('protobuf', families),
  bytes('protobuf: empty body', Buffer.alloc(0)),
  bytes('protobuf: text', Buffer.from(X)),
  bytes('protobuf: cut off', families.subarray(0, families.length - 3)),
  bytes(
    'protobuf: gauge histogram',
    encode({
      name: 'g',
      type: TYPES.GAUGE_HISTOGRAM,
      metric: [{ histogram: { sampleCount: 3, bucket: [{ cumulativeCount: 1, upperBound: 1 }] } }],
    }),
  ),
  bytes(
    'protobuf: timestamp',
    encode({ ...gauge('x', 1), metric: [{ gauge: { value: 1 }, timestampMs: 5 }] }),
  ),
  bytes(
    'protobuf: duplicates',
    encode({ ...gauge('x', 1), metric: [{ gauge: { value: 1 } }, { gauge: { value: 1 } }] }),
  ),
  bytes(
    'protobuf: a family twice',
    encode(gauge('x', 1), gauge('x', 2, [{ name: 'a', value: 'b' }])),
    'family twice',
  ),
  bytes('protobuf: invalid metric name', encode(gauge('my.metric', 1)), 'protobuf names'),
  bytes('protobuf: a length beyond the body', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 1])),
]

const typed = (contentType: string): Case => ({
  title: `Content-Type ${contentType}`,
  requests: [to('/metrics/job/z', X, { headers: { 'Content-Type': contentType } })],
})
const encoded = (encoding: string, body: Buffer, differs?: Difference): Case => ({
  title: `Content-Encoding ${encoding}, ${body.length} bytes`,
  requests: [to('/metrics/job/z', body, { headers: { 'Content-Encoding': encoding } })],
  ...(differs && { differs }),
})
const gz = gzipSync(X)

/** A stream identifier and an uncompressed chunk in the framing format of snappy. */
function snappyFrames(body: Buffer): Buffer {
  const crc = crc32c(body)
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  const head = Buffer.alloc(8)
  head[0] = 1
  head.writeUIntLE(body.length + 4, 1, 3)
  head.writeUInt32LE(masked, 4)
  return Buffer.concat([Buffer.from('\xff\x06\0\0sNaPpY', 'latin1'), head, body])
}

const HEADERS: readonly Case[] = [
  typed('text/plain'),
  typed('text/plain; version=0.0.4'),
  typed('application/openmetrics-text; version=1.0.0'),
  typed('application/json'),
  typed('application/vnd.google.protobuf'),
  typed('application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text'),
  typed('nonsense'),
  typed('application/x-www-form-urlencoded'),
  encoded('gzip', gz),
  encoded('GZIP', gz),
  encoded('gzip', Buffer.concat([gz, gzipSync('y 1\n')])),
  encoded('gzip', gz.subarray(0, gz.length - 9)),
  encoded('gzip', Buffer.from(X)),
  encoded('gzip', Buffer.alloc(0)),
  encoded('gzip', Buffer.concat([gz, Buffer.from('xyz')])),
  encoded('snappy', snappyFrames(Buffer.from(X))),
  encoded('snappy', Buffer.from(X)),
  encoded('snappy', Buffer.alloc(0)),
  encoded('identity', Buffer.from(X)),
  encoded('br', Buffer.from(X), 'other encodings'),
  encoded('deflate', Buffer.from(X), 'other encodings'),
  {
    title: 'chunked body',
    requests: [
      to('/metrics/job/z', X, {
        headers: { 'Transfer-Encoding': 'chunked' },
      }),
    ],
  },
  {
    title: 'Expect: 100-continue',
    requests: [to('/metrics/job/z', X, { headers: { Expect: '100-continue' } })],
  },
]

const put = (path: string, body: string): RawRequest => ({ path, body })
const post = (path: string, body: string): RawRequest => ({ method: 'POST', path, body })
const del = (path: string): RawRequest => ({ method: 'DELETE', path })
const A = '/metrics/job/a'
const B = '/metrics/job/a/b/c'

const HISTORIES: readonly Case[] = [
  { title: 'PUT replaces the group', requests: [put(A, 'x 1\ny 1\n'), put(A, 'x 2\n')] },
  {
    title: 'POST replaces families',
    requests: [put(A, 'x{a="1"} 1\ny 1\n'), post(A, 'x{b="1"} 2\n')],
  },
  { title: 'POST creates a group', requests: [post(A, 'x 1\n')] },
  { title: 'an empty PUT empties the group', requests: [put(A, 'x 1\n'), put(A, '')] },
  { title: 'an empty POST changes nothing', requests: [put(A, 'x 1\n'), post(A, '')] },
  { title: 'DELETE removes one group', requests: [put(A, 'x 1\n'), put(B, 'x 1\n'), del(A)] },
  { title: 'DELETE of a group that does not exist', requests: [del(A)] },
  { title: 'DELETE with an invalid path', requests: [del('/metrics/job/a/b')] },
  { title: 'DELETE by base64', requests: [put(A, 'x 1\n'), del('/metrics/job@base64/YQ')] },
  { title: 'two groups with different labels', requests: [put(A, 'x 1\n'), put(B, 'x 1\n')] },
  {
    title: 'two groups with one type',
    requests: [put(A, '# TYPE x counter\nx 1\n'), put(B, '# TYPE x counter\nx 1\n')],
  },
  {
    title: 'two groups with two types',
    requests: [put(A, '# TYPE x counter\nx 1\n'), put(B, '# TYPE x gauge\nx 1\n')],
  },
  {
    title: 'a group that changes the type',
    requests: [put(A, '# TYPE x counter\nx 1\n'), put(A, '# TYPE x gauge\nx 1\n')],
  },
  {
    title: 'a POST that changes the type',
    requests: [put(A, '# TYPE x counter\nx 1\n'), post(A, '# TYPE x gauge\nx 1\n')],
  },
  {
    title: 'the series of another group',
    requests: [put('/metrics/job/a/instance/i', 'x 1\n'), put(A, 'x{instance="i"} 1\n')],
  },
  {
    title: 'the group of another group',
    requests: [put(A, 'x 1\n'), put('/metrics/job/a/instance/', 'y 1\n')],
    differs: 'empty instance',
  },
  {
    title: 'a collision of suffixes',
    requests: [put(A, 'h_count 1\n'), put(B, '# TYPE h histogram\nh_count 1\n')],
  },
  {
    title: 'a collision of suffixes, the other way round',
    requests: [put(A, '# TYPE h histogram\nh_count 1\n'), put(B, 'h_count 1\n')],
  },
  {
    title: 'a summary and its count',
    requests: [put(A, '# TYPE h summary\nh_count 1\n'), put(B, 'h_count 1\n')],
  },
  {
    title: 'a summary and a bucket',
    requests: [put(A, '# TYPE h summary\nh_count 1\n'), put(B, 'h_bucket 1\n')],
  },
  { title: 'a failed push keeps the group', requests: [put(A, 'x 1\n'), put(A, 'y 1\ny 1\n')] },
  { title: 'a failed push of a new group', requests: [put(A, 'y 1\ny 1\n')] },
  { title: 'a push after a failed one', requests: [put(A, 'y 1\ny 1\n'), put(A, 'y 1\n')] },
  { title: 'a syntax error changes nothing', requests: [put(A, 'x 1\n'), put(A, 'y one\n')] },
  { title: 'timestamps in a group that exists', requests: [put(A, 'x 1\n'), put(A, 'x 1 5\n')] },
  {
    title: 'a failure time in a group that has one',
    requests: [put(A, 'y 1\ny 1\n'), put(A, 'push_failure_time_seconds 5\n')],
    differs: 'failure time',
  },
  {
    title: 'a grouping label le and a histogram',
    requests: [put('/metrics/job/a/le/5', '# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 1\n')],
    differs: 'number label',
  },
  { title: 'a grouping label le and a gauge', requests: [put('/metrics/job/a/le/5', 'x 1\n')] },
]

const get = (path: string): Case => ({ title: `GET ${path}`, requests: [{ method: 'GET', path }] })
const other = (method: string, path: string, differs?: Difference): Case => ({
  title: `${method} ${path}`,
  requests: [{ method, path }],
  ...(differs && { differs }),
})

const REST: readonly Case[] = [
  { ...get('/metrics'), differs: 'own metrics' },
  get('/-/healthy'),
  get('/-/ready'),
  get('/-/quit'),
  get('/api/v1/metrics'),
  get('/api/v1/status'),
  get('/api/v1/nonsense'),
  get('/nonsense'),
  get('/metrics/job/a'),
  get('/metrics/nonsense'),
  other('PATCH', '/metrics/job/a'),
  other('OPTIONS', '/metrics/job/a'),
  other('OPTIONS', '/api/v1/nonsense'),
  other('PUT', '/metrics', undefined),
  other('POST', '/api/v1/status'),
  other('POST', '/api/v1/admin/wipe'),
  other('PUT', '/-/healthy'),
  other('HEAD', '/metrics', 'HEAD'),
  {
    title: 'wipe',
    requests: [put(A, 'x 1\n'), put(B, 'y 1\n'), { method: 'PUT', path: '/api/v1/admin/wipe' }],
  },
]

/** Cases for gateways with the flags `--web.enable-admin-api` and `--web.enable-lifecycle`. */
export const CASES: readonly Case[] = [
  ...PATHS,
  ...PLAIN_BODIES,
  ...COMPOSED_BODIES,
  ...PROTOBUF_BODIES,
  ...HEADERS,
  ...HISTORIES,
  ...REST,
]

/** Cases for `--push.enable-utf8-names`. */
export const UTF8_CASES: readonly Case[] = [
  pathCase('/metrics/job/a/%C3%A4/b'),
  pathCase('/metrics/job/a/U__x_2e_y/b'),
  pathCase('/metrics/job/a/U__x_2y/b'),
  pathCase('/metrics/job/a/U__/b'),
  pathCase('/metrics/job/a/U____x/b'),
  pathCase('/metrics/job/a/__x/b'),
  pathCase('/metrics/job/a/x.y/b'),
  pathCase('/metrics/job/a/9x/b'),
  pathCase('/metrics/job/a/U__x_2e_y@base64/YQ'),
  pathCase('/metrics/job/a/U__x_d800_/b'),
  pathCase('/metrics/job/a/U__x_1F600_y/b'),
  bodyCase('{"my.metric"} 1\n'),
  bodyCase('{"my.metric","my.label"="1"} 1\n'),
  bodyCase('x{"my.label"="1"} 1\n'),
  bodyCase('# TYPE "my.h" histogram\n{"my.h_bucket",le="1"} 1\n{"my.h_count"} 1\n'),
]

/** Cases for `--push.disable-consistency-check`. */
export const UNCHECKED_CASES: readonly Case[] = [
  { title: 'PUT and POST', requests: [put(A, 'x 1\n'), post(A, 'y 1\n')] },
  { title: 'a syntax error', requests: [put(A, 'x one\n')] },
  { title: 'DELETE', requests: [put(A, 'x 1\n'), del(A)] },
  { title: 'timestamps', requests: [put(A, 'x 1 5\n')], differs: 'timestamps' },
  { title: 'reserved labels', requests: [put(A, 'x{__a="1"} 1\n')], differs: 'reserved labels' },
  {
    title: 'two types',
    requests: [put(A, '# TYPE x counter\nx 1\n'), put(B, '# TYPE x gauge\nx 2\n')],
    differs: 'conflicts',
  },
  { title: 'duplicates', requests: [put(A, 'x 1\nx 1\n')], differs: 'conflicts' },
  {
    title: 'the series of another group',
    requests: [put('/metrics/job/a/instance/i', 'x 1\n'), put(A, 'x{instance="i"} 1\n')],
    differs: 'conflicts',
  },
]
