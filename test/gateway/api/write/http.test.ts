import { compressSync } from 'snappy'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GatewayConfig } from '../../../../gateway/server/config.js'
import { KafkaError } from '../../../../shared/kafka/errors.js'
import { DEFAULT_LIMITS } from '../../../../shared/metrics/limits.js'
import { type StartedGateway, startGateway } from '../../../support/gateway.js'
import { LocalPushStore } from '../../../support/local-push-store.js'
import { LocalWriteLog } from '../../../support/local-write-log.js'
import { encodeV1, encodeV2, type MessageV2 } from '../../../support/remote-write-schema.js'

const NOW = 1_767_225_600_000
const V2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'
const V1 = 'application/x-protobuf'

let gateway: StartedGateway
let log: LocalWriteLog

async function start(overrides: Partial<GatewayConfig> = {}): Promise<void> {
  await gateway?.stop()
  log = new LocalWriteLog()
  gateway = await startGateway(overrides, new LocalPushStore(), {}, log)
}
beforeEach(() => start())
afterEach(() => gateway.stop())

interface Answer {
  readonly status: number
  readonly text: string
  /** Samples, histograms, exemplars. */
  readonly written: readonly (number | null)[]
  readonly headers: Headers
}

async function post(body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${gateway.url}/api/v1/write`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'Content-Encoding': 'snappy', ...headers },
  })
  const count = (name: string) => {
    const value = response.headers.get(`X-Prometheus-Remote-Write-${name}-Written`)
    return value === null ? null : Number(value)
  }
  return {
    status: response.status,
    text: await response.text(),
    written: [count('Samples'), count('Histograms'), count('Exemplars')],
    headers: response.headers,
  }
}
const v2 = (message: MessageV2) => post(compressSync(encodeV2(message)), { 'Content-Type': V2 })
const v1 = (message: Parameters<typeof encodeV1>[0]) =>
  post(compressSync(encodeV1(message)), { 'Content-Type': V1 })

interface Series {
  readonly labels: Readonly<Record<string, string>> | readonly (readonly [string, string])[]
  readonly samples?: readonly { readonly value: number; readonly timestamp: number }[]
  readonly histograms?: readonly { readonly countInt: number; readonly timestamp: number }[]
  readonly exemplars?: readonly { readonly value: number; readonly timestamp: number }[]
}
const ONE = [{ value: 1, timestamp: NOW }]

/** A message of protocol 2.0 with these series. */
function message(...series: Series[]): MessageV2 {
  const symbols = ['']
  const ref = (text: string) => {
    if (!symbols.includes(text)) symbols.push(text)
    return symbols.indexOf(text)
  }
  const timeseries = series.map(({ labels, ...items }) => ({
    labelsRefs: (Array.isArray(labels) ? labels : Object.entries(labels)).flatMap(
      ([name, value]) => [ref(name), ref(value)],
    ),
    ...items,
  }))
  return { symbols, timeseries }
}
const up = (labels: Record<string, string>): Series => ({
  labels: { __name__: 'up', ...labels },
  samples: ONE,
})

describe('a request', () => {
  test('of protocol 2.0 is appended by target, and answered with what was written', async () => {
    const { status, text, written } = await v2(
      message(
        up({ instance: 'a', job: 'x' }),
        up({ instance: 'b', job: 'x' }),
        {
          labels: { __name__: 'h', instance: 'a', job: 'x' },
          histograms: [{ countInt: 1, timestamp: NOW }],
          exemplars: [{ value: 5, timestamp: NOW }],
        },
        up({}),
        up({ cluster: 'c', zone: 'z' }),
      ),
    )
    expect({ status, text, written }).toEqual({ status: 204, text: '', written: [4, 1, 1] })
    const found = log.series()
    expect(Object.keys(found)).toEqual([
      'instance|a|job|x|',
      'instance|b|job|x|',
      'job|remote_write|',
      'cluster|c|job|remote_write|',
    ])
    expect(found['instance|a|job|x|'].map(({ labels }) => labels[1])).toEqual(['up', 'h'])
    // The job of the key is not one of its labels.
    expect(found['job|remote_write|'][0].labels).toEqual(['__name__', 'up'])
  })

  test('of protocol 1.0 becomes the same records', async () => {
    const labels = [
      { name: '__name__', value: 'up' },
      { name: 'job', value: 'x' },
    ]
    const { status, written } = await v1({
      timeseries: [{ labels, samples: ONE }],
      metadata: [
        { type: 2, metricFamilyName: 'up', help: 'Up.' },
        { type: 1, metricFamilyName: 'c', help: 'C.' },
      ],
    })
    expect({ status, written }).toEqual({ status: 204, written: [1, 0, 0] })
    expect(log.series()).toMatchObject({
      'job|x|': [{ labels: ['__name__', 'up', 'job', 'x'], metadata: ['gauge', 'Up.', ''] }],
      'job|remote_write|': [
        { labels: ['__name__', 'c'], samples: [], metadata: ['counter', 'C.', ''] },
      ],
    })
  })

  test.each([
    [V1, '1.0'],
    ['', '1.0'],
    ['application/x-protobuf;proto=prometheus.WriteRequest', '1.0'],
    ['application/x-protobuf; proto="prometheus.WriteRequest"', '1.0'],
    [V2, '2.0'],
    ['Application/X-Protobuf; proto=io.prometheus.write.v2.Request', '2.0'],
  ])('with the content type %j is of protocol %s', async (type, protocol) => {
    const one = encodeV1({
      timeseries: [{ labels: [{ name: '__name__', value: 'a' }], samples: ONE }],
    })
    const two = encodeV2(message(up({})))
    const body = compressSync(protocol === '1.0' ? one : two)
    expect(await post(body, { 'Content-Type': type })).toMatchObject({
      status: 204,
      written: [1, 0, 0],
    })
  })

  test.each([
    ['application/json', 'application/json'],
    ['application/x-protobuf;proto=io.prometheus.write.v3.Request', 'v3'],
    ['application/x-protobuf;proto', 'proto'],
    ['text/plain;proto=prometheus.WriteRequest', 'text/plain'],
    [`application/x-protobuf;proto=${'x'.repeat(5000)}`, 'xxx'],
  ])('with the content type %s gets 415, and is told what is understood', async (type, named) => {
    const { status, text, written } = await post(compressSync(Buffer.alloc(0)), {
      'Content-Type': type,
    })
    expect(status).toBe(415)
    expect(text).toContain(named)
    expect(text).toContain('application/x-protobuf;proto=io.prometheus.write.v2.Request')
    expect(written).toEqual([null, null, null])
  })

  test('in another coding than snappy blocks gets 415', async () => {
    const body = compressSync(encodeV2(message(up({}))))
    const { status, text } = await post(body, { 'Content-Encoding': 'zstd', 'Content-Type': V2 })
    expect(status).toBe(415)
    expect(text).toMatch(/"zstd".*snappy/)
  })

  test('without a coding is decompressed', async () => {
    const response = await fetch(`${gateway.url}/api/v1/write`, {
      method: 'POST',
      body: new Uint8Array(compressSync(encodeV2(message(up({}))))),
      headers: { 'Content-Type': V2 },
    })
    expect(response.status).toBe(204)
  })

  test('without series is written', async () => {
    expect(await v1({})).toMatchObject({ status: 204, written: [0, 0, 0] })
    expect(log.entries).toEqual([])
  })

  test('by another method gets 405', async () => {
    const response = await fetch(`${gateway.url}/api/v1/write`)
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toContain('POST')
  })

  test('without Kafka gets 501, so that senders keep what they have', async () => {
    await gateway.stop()
    gateway = await startGateway()
    const { status, text } = await v2(message(up({})))
    expect(status).toBe(501)
    expect(text).toContain('--kafka.brokers')
  })
})

describe('labels', () => {
  test('that are not sorted are sorted, and empty values are left out', async () => {
    const { status } = await v2(
      message({
        labels: [
          ['job', 'x'],
          ['empty', ''],
          ['\u{10000}', 'high'],
          ['\uffee', 'low'],
          ['__name__', 'up'],
        ],
        samples: ONE,
      }),
    )
    expect(status).toBe(204)
    expect(log.series()['job|x|'][0].labels).toEqual([
      ...['__name__', 'up', 'job', 'x', '\uffee', 'low', '\u{10000}', 'high'],
    ])
  })

  test.each<[string, Series['labels'], RegExp]>([
    [
      'without a name',
      { job: 'x' },
      /series \{job="x"\} has no metric name; add the label __name__/,
    ],
    ['with an empty name', { __name__: '' }, /has no metric name/],
    [
      'with a label twice',
      [
        ['__name__', 'a'],
        ['b', '1'],
        ['b', '2'],
      ],
      /has label "b" twice/,
    ],
    [
      'with a label twice, apart',
      [
        ['b', '1'],
        ['__name__', 'a'],
        ['b', '1'],
      ],
      /has label "b" twice/,
    ],
    ['with a label without a name', { __name__: 'a', '': 'x' }, /has a label without a name/],
    [
      'with a NUL byte in its job',
      { __name__: 'a', job: 'a\0b' },
      /has a NUL byte in a label of its target/,
    ],
    [
      'with a long label name',
      { __name__: 'a', ['n'.repeat(1025)]: 'x' },
      /1025 bytes, over the limit of 1024/,
    ],
    [
      'with a long label value',
      { __name__: 'a', b: 'x'.repeat(4097) },
      /has a label value of label "b" that is too long/,
    ],
    [
      'with many labels',
      Object.fromEntries([
        ['__name__', 'a'],
        ...Array.from({ length: 64 }, (_, i) => [`l${i}`, 'x']),
      ]),
      /has 65 labels, over the limit of 64/,
    ],
  ])('of a series %s are refused, and the other series are written', async (_, labels, problem) => {
    const { status, text, written } = await v2(
      message(up({ job: 'before' }), { labels, samples: [...ONE, ...ONE] }, up({ job: 'after' })),
    )
    expect(status).toBe(400)
    expect(text).toMatch(problem)
    expect(text).toMatch(/^2 samples were not written: /)
    expect(written).toEqual([2, 0, 0])
    expect(Object.keys(log.series())).toEqual(['job|before|', 'job|after|'])
  })

  test('that are not UTF-8 are refused', async () => {
    const bytes = encodeV2(message(up({ job: 'a', zone: 'ÿ' }), up({ job: 'b' })))
    bytes.write('ff', bytes.indexOf('ÿ'), 'hex')
    const { status, text, written } = await post(compressSync(bytes), { 'Content-Type': V2 })
    expect(status).toBe(400)
    expect(text).toContain('value of label "zone" that is not UTF-8')
    expect(written).toEqual([1, 0, 0])
  })

  test('with any UTF-8 characters are accepted', async () => {
    const { status } = await v2(message(up({ 'größe.x': '東京' })))
    expect(status).toBe(204)
  })

  test('of protocol 1.0 are judged series by series too', async () => {
    const named = (name: string) => [{ name: '__name__', value: name }]
    const { status, written } = await v1({
      timeseries: [
        { labels: named('a'), samples: ONE },
        { labels: [{ name: 'b', value: 'c' }], samples: ONE },
        // Nothing that could be written: not an error.
        { labels: [{ name: 'b', value: 'c' }] },
      ],
    })
    expect({ status, written }).toEqual({ status: 400, written: [1, 0, 0] })
  })

  test('of a series with samples only in protocol 2.0', async () => {
    const { status, text, written } = await v2(message({ labels: { __name__: 'a' } }, up({})))
    expect(status).toBe(400)
    expect(text).toContain('has no samples, histograms or exemplars')
    expect(written).toEqual([1, 0, 0])
  })

  test('chosen by --write.target-labels tell targets apart', async () => {
    await start({ writeTargetLabels: ['job', 'zone'] })
    await v2(message(up({ instance: 'a', job: 'x', zone: 'z' })))
    expect(Object.keys(log.series())).toEqual(['job|x|zone|z|'])
  })
})

describe('a time that is more than 10 s ahead of log time', () => {
  const late = NOW + 10_001
  const samples = [
    { value: 1, timestamp: NOW + 10_000 },
    { value: 2, timestamp: late },
  ]
  const labels = { __name__: 'a', job: 'x' }

  test('is refused in protocol 2.0, and the rest is written', async () => {
    log.time = NOW
    const { status, text, written } = await v2(
      message(
        { labels, samples },
        { labels, histograms: [{ countInt: 1, timestamp: late }] },
        { labels, samples: [samples[0]], exemplars: [{ value: 1, timestamp: late }] },
        { labels: { __name__: 'a', job: 'y' }, samples: [samples[1]] },
      ),
    )
    expect(status).toBe(400)
    expect(text).toContain(
      '4 samples were not written: a time is 10.0 s ahead of the clock of the brokers',
    )
    expect(written).toEqual([2, 0, 0])
    expect(Object.keys(log.series())).toEqual(['job|x|'])
  })

  test('refuses the whole request in protocol 1.0, as in Prometheus', async () => {
    log.time = NOW
    const { status, text, written } = await v1({
      timeseries: [
        { labels: [{ name: '__name__', value: 'a' }], samples },
        { labels: [{ name: '__name__', value: 'b' }], samples: ONE },
      ],
    })
    expect(status).toBe(400)
    expect(text).toContain('3 samples were not written')
    expect(written).toEqual([0, 0, 0])
    expect(log.entries).toEqual([])
  })

  test('is refused only by what the brokers tell now', async () => {
    log.time = NOW - 3_600_000
    log.confirm = async () => {
      log.time = NOW
    }
    const { status, written } = await v2(message({ labels, samples }, up({ job: 'x' })))
    expect({ status, written }).toEqual({ status: 400, written: [2, 0, 0] })
    log.confirm = () => Promise.reject(new KafkaError('TIMEOUT', 'no answer'))
    expect(await v2(message({ labels, samples }))).toMatchObject({
      status: 503,
      written: [0, 0, 0],
    })
  })

  test('is accepted before the brokers have told the time', async () => {
    expect((await v2(message({ labels, samples }))).status).toBe(204)
  })
})

describe('brokers', () => {
  const two = () => v2(message(up({ job: 'a' }), up({ job: 'b' })))

  test('that do not acknowledge anything: 503, nothing written', async () => {
    log.judge = () => new KafkaError('TIMEOUT', 'kafka:9092 does not respond')
    const { status, text, written, headers } = await two()
    expect(status).toBe(503)
    expect(headers.get('Retry-After')).toBe('5')
    expect(text).toContain('kafka:9092 does not respond')
    expect(written).toEqual([0, 0, 0])
  })

  test('that acknowledge a part: 503 with what was written, which comes twice', async () => {
    log.judge = ({ key }) =>
      key.includes('b') && !key.includes('a') ? new KafkaError('TIMEOUT', 'no answer') : null
    const { status, text, written } = await two()
    expect(status).toBe(503)
    expect(text).toContain('1 samples were written, others not')
    expect(written).toEqual([1, 0, 0])
  })

  test('that refuse a record: 400 for its samples', async () => {
    log.judge = ({ key }) =>
      key.toString() === 'job\0b\0' ? new KafkaError('MESSAGE_TOO_LARGE', 'too large') : null
    const { status, text, written } = await two()
    expect(status).toBe(400)
    expect(text).toBe('1 samples were not written: too large\n')
    expect(written).toEqual([1, 0, 0])
  })

  test('a topic that is missing: 503 with the command that creates it', async () => {
    log.problem = 'topic metrics.writes does not exist. To fix it: kafka-exposer topic create'
    const { status, text, headers } = await two()
    expect(status).toBe(503)
    expect(headers.get('Retry-After')).toBe('5')
    expect(text).toContain('kafka-exposer topic create')
  })
})

describe('bounds', () => {
  const LIMITS = {
    bodyBytes: 100_000,
    decodedBytes: 1_000_000,
    push: DEFAULT_LIMITS,
    totalSamples: 1000,
    memory: 1_000_000,
    requests: 2,
    rate: 1,
    newTargets: 0,
  }

  test('requests in progress beyond --limit.requests get 503, never 429', async () => {
    await start({ limits: LIMITS })
    let open = () => {}
    log.gate = new Promise(resolve => {
      open = resolve
    })
    const answers = Array.from({ length: 6 }, () => v2(message(up({}))))
    const refused = await Promise.race(answers)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('Retry-After')).toBe('1')
    open()
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses.filter(status => status === 204).length).toBeGreaterThanOrEqual(2)
    expect(new Set(statuses)).toEqual(new Set([204, 503]))
  })

  test('bodies and records in flight beyond the memory for them get 503', async () => {
    await start({ limits: { ...LIMITS, requests: 100 } })
    let open = () => {}
    log.gate = new Promise(resolve => {
      open = resolve
    })
    // Each has 700 kB and a record of the same size; all together may have 3 MB.
    const labels = { a: 'x'.repeat(4000) }
    const one = message(
      ...Array.from({ length: 170 }, (_, i) => up({ ...labels, b: `${i}${'y'.repeat(4000)}` })),
    )
    const answers = Array.from({ length: 10 }, () => v2(one))
    const refused = await Promise.race(answers)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('Retry-After')).toBe('1')
    open()
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([204, 503]))
    expect((await v2(one)).status).toBe(204)
  })

  test('a bomb gets 413', async () => {
    await start({ limits: LIMITS })
    const bomb = compressSync(Buffer.alloc(2_000_000))
    expect(bomb.length).toBeLessThan(LIMITS.bodyBytes)
    expect((await post(bomb, { 'Content-Type': V2 })).status).toBe(413)
  })

  test('records that repeat the texts of a small request without end get 413', async () => {
    await start({ limits: LIMITS })
    const text = 'x'.repeat(4000)
    const series = Array.from({ length: 2000 }, (_, i) =>
      up({ a: text, b: text, instance: String(i) }),
    )
    const { status, text: reason, written } = await v2(message(...series))
    expect(status).toBe(413)
    expect(reason).toContain('send less in one request')
    expect(written).toEqual([0, 0, 0])
    expect(log.entries).toEqual([])
  })

  test.each([
    [
      'a message that cannot be decoded',
      compressSync(Buffer.from('2a05', 'hex')),
      400,
      /protocol 2.0 cannot be decoded: byte 1: a length of 5 bytes/,
    ],
    ['a body that is not snappy', Buffer.from('hello'), 400, /cannot be decoded: snappy/],
    ['an empty body', Buffer.alloc(0), 400, /cannot be decoded: snappy/],
    [
      '10,000 labels',
      compressSync(
        encodeV2({ symbols: ['', 'a'], timeseries: [{ labelsRefs: Array(20_000).fill(1) }] }),
      ),
      413,
      /more than 1024 labels of one series/,
    ],
    [
      'half a million symbols',
      compressSync(Buffer.alloc(1_100_000, '2200', 'hex')),
      413,
      /more than 500000 different/,
    ],
    [
      'a million empty series',
      compressSync(Buffer.alloc(1_000_000, '2a00', 'hex')),
      413,
      /more than 200000 series/,
    ],
  ])('%s: refused, with nothing written', async (_, body, code, reason) => {
    const { status, text, written } = await post(body, { 'Content-Type': V2 })
    expect(status).toBe(code)
    expect(text).toMatch(reason)
    expect(written).toEqual([0, 0, 0])
    expect(log.entries).toEqual([])
  })

  test('what is refused is counted by reason, and what was written too', async () => {
    log.time = NOW
    await v2(
      message(
        up({ job: 'x' }),
        { labels: { job: 'x' }, samples: ONE },
        {
          labels: { __name__: 'a' },
          samples: [{ value: 1, timestamp: NOW + 60_000 }],
        },
      ),
    )
    await post(Buffer.from([1, 0, 0xff]), { 'Content-Type': V2 })
    const telemetry = await (await fetch(`${gateway.url}/telemetry`)).text()
    const value = (series: string) =>
      Number(
        telemetry
          .split('\n')
          .find(line => line.startsWith(`${series} `))
          ?.split(' ')[1],
      )
    expect(value('gateway_write_samples_total')).toBe(1)
    expect(value('gateway_write_records_total')).toBe(1)
    expect(value('gateway_write_refused_total{reason="name"}')).toBe(1)
    expect(value('gateway_write_refused_total{reason="clock"}')).toBe(1)
    expect(value('gateway_write_refused_total{reason="malformed"}')).toBe(1)
    expect(value('gateway_http_requests_total{handler="write",code="400"}')).toBe(2)
    expect(value('gateway_writes_in_progress')).toBe(0)
    expect(value('gateway_write_pending_bytes')).toBe(0)
    expect(value('gateway_request_body_bytes')).toBe(0)
  })

  /** One that takes a new target a second, and a function that sends so many targets. */
  async function limitedGateway(log = new LocalWriteLog()) {
    const clock = { mono: 0, now: () => ({ wall: NOW, mono: clock.mono }) }
    const limits = { ...LIMITS, requests: 10, newTargets: 1 }
    const limited = await startGateway({ limits }, new LocalPushStore(), {}, log, clock)
    const targets = (name: string, count: number) =>
      message(
        ...Array.from({ length: count }, (_, i) => ({
          labels: { __name__: 'a', instance: `${name}-${i}`, job: 'j' },
          samples: ONE,
        })),
      )
    const send = async (name: string, count: number) => {
      const body = new Uint8Array(compressSync(encodeV2(targets(name, count))))
      const headers = { 'Content-Encoding': 'snappy', 'Content-Type': V2 }
      return fetch(`${limited.url}/api/v1/write`, { method: 'POST', body, headers })
    }
    return { limited, send, clock }
  }

  test('new targets above --limit.new-targets come again, and those that are known do not wait', async () => {
    const { limited, send, clock } = await limitedGateway()
    try {
      expect((await send('start', 50)).status).toBe(204)
      clock.mono = 60_000
      expect((await send('start', 50)).status).toBe(204)
      expect((await send('a', 8)).status).toBe(204)
      const later = await send('b', 5)
      expect(later.status).toBe(503)
      expect(later.headers.get('retry-after')).toBe('3')
      expect(await later.text()).toContain('5 targets of the request are new')
      expect((await send('a', 8)).status).toBe(204)
      expect((await send('start', 50)).status).toBe(204)
      const many = await send('c', 11)
      expect(many.status).toBe(413)
      expect(await many.text()).toContain('--limit.new-targets')
      clock.mono = 63_000
      expect((await send('b', 5)).status).toBe(204)
      const telemetry = await (await fetch(`${limited.url}/telemetry`)).text()
      expect(telemetry).toMatch(/^gateway_write_postponed_total 1$/m)
      expect(telemetry).toMatch(/^gateway_write_refused_total\{reason="limit"\} 1$/m)
    } finally {
      await limited.stop()
    }
  })

  test('targets that come after a start while the brokers are away are known for a minute more', async () => {
    const log = new LocalWriteLog()
    const { limited, send, clock } = await limitedGateway(log)
    try {
      log.judge = () => new KafkaError('TIMEOUT', 'no answer')
      expect((await send('first', 50)).status).toBe(503)
      clock.mono = 300_000
      expect((await send('first', 50)).status).toBe(503)
      log.judge = () => null
      expect((await send('first', 50)).status).toBe(204)
      // What waited behind the first one.
      expect((await send('second', 50)).status).toBe(204)
      clock.mono = 359_000
      expect((await send('third', 50)).status).toBe(204)
      clock.mono = 360_000
      expect((await send('fourth', 50)).status).toBe(413)
    } finally {
      await limited.stop()
    }
  })
})
