import { expect, test } from 'vitest'
import { systemClock } from '../../../shared/base/clock.js'
import { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
import { decodeSnappyBlock } from '../../../shared/base/snappy/block.js'
import type {
  ClientRequest,
  ClientResponse,
  HttpClient,
} from '../../../shared/http/client/types.js'
import { WriteReader } from '../../../shared/metrics/remote-write/reader.js'
import { parseRemoteWriteFile } from '../../../shared/remote-write/config.js'
import { WriteFigures } from '../../../shared/remote-write/figures.js'
import type { WriteItem } from '../../../shared/remote-write/item.js'
import { RequestSender, SenderStopped } from '../../../shared/remote-write/request-sender.js'
import { RequestSize } from '../../../shared/remote-write/request-size.js'
import { encodeV2 } from '../../support/remote-write-schema.js'

const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }

/** A sender whose requests are answered by a script; after its end, as by a receiver that stores. */
type Script =
  | readonly Partial<ClientResponse>[]
  | ((request: ClientRequest) => Partial<ClientResponse> | undefined)

function setUp(script: Script, queue: object = {}, more: object = {}) {
  const requests: ClientRequest[] = []
  const client: HttpClient = {
    async request(request) {
      // The sender uses the buffer of the body again.
      requests.push({ ...request, ...(request.body && { body: Buffer.from(request.body) }) })
      const answer =
        (typeof script === 'function' ? script(request) : script[requests.length - 1]) ?? {}
      const headers = { 'x-prometheus-remote-write-samples-written': '1' }
      return { status: 204, headers, body: Buffer.from('no'), ...answer }
    },
    close() {},
  }
  const file = {
    remote_write: [
      {
        url: 'http://receiver/write',
        headers: { 'X-Scope-OrgID': 't' },
        queue_config: { min_backoff: '1ms', max_backoff: '4ms', ...queue },
        ...more,
      },
    ],
  }
  const { remote } = parseRemoteWriteFile(JSON.stringify(file)).remotes[0]!
  const figures = new WriteFigures()
  const stopping = new AbortController()
  const sender = setUpSender(remote, client, figures, stopping.signal)
  return { sender, requests, figures, stopping }
}

function setUpSender(
  remote: ConstructorParameters<typeof RequestSender>[0]['remote'],
  client: HttpClient,
  figures: WriteFigures,
  signal: AbortSignal,
) {
  return new RequestSender({
    remote,
    client,
    clock: systemClock,
    logger,
    figures,
    warnings: new RepeatedWarnings(logger, systemClock),
    signal,
    onRequest: quiet,
    onSending: quiet,
    mayIsolate: () => true,
    onStored: quiet,
  })
}

const piece = (target: string, time = Date.now(), more: Partial<WriteItem> = {}) => {
  const item: WriteItem = {
    target,
    hash: 0,
    series: 1,
    samples: 1,
    time,
    dueAt: time,
    isRepeat: false,
    isCancelled: false,
    write() {},
    settle() {},
    ...more,
  }
  return { item, from: 0, to: item.series }
}

test('a request has the headers of its protocol, and those that are configured', async () => {
  const { sender, requests } = setUp([])
  await sender.send([piece('a')])
  expect(requests[0]).toMatchObject({ method: 'POST', truncate: true })
  expect(requests[0]!.headers).toEqual({
    'content-encoding': 'snappy',
    'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
    'x-prometheus-remote-write-version': '2.0.0',
    'x-scope-orgid': 't',
  })
  const old = setUp([], {}, { protobuf_message: 'prometheus.WriteRequest' })
  await old.sender.send([piece('a')])
  expect(old.requests[0]!.headers).toMatchObject({
    'content-type': 'application/x-protobuf',
    'x-prometheus-remote-write-version': '0.1.0',
  })
})

test('a repeated request says that it is one, and counts its samples as retried', async () => {
  const { sender, requests, figures } = setUp([{ status: 500 }, { status: 503 }])
  await sender.send([piece('a')])
  expect(requests.map(({ headers }) => headers?.['retry-attempt'])).toEqual([undefined, '1', '2'])
  expect(figures).toMatchObject({ retried: 2, lastError: '' })
})

test('a refused request is halved down to what is really refused', async () => {
  const { sender, requests, figures } = setUp(
    // All, the first half, the second half, its first and its second piece.
    [
      { status: 400, headers: {} },
      {},
      { status: 400, headers: {} },
      { status: 400, headers: {} },
      {},
    ],
  )
  await sender.send(['a', 'b', 'c', 'd'].map(target => piece(target)))
  expect(requests).toHaveLength(5)
  expect(figures.failed.get('refused')).toBe(1)
})

test('a request that is refused whatever it holds is dropped at once, with the reason', async () => {
  const { sender, requests, figures } = setUp([
    { status: 401, headers: {}, body: Buffer.from('\nUnauthorized\n') },
  ])
  await sender.send(['a', 'b', 'c', 'd'].map(target => piece(target)))
  expect(requests).toHaveLength(1)
  expect(figures.failed.get('refused')).toBe(4)
  expect(figures.lastRefusal).toBe('401: Unauthorized')
  expect(figures.lastRefusedAt).toBeGreaterThan(0)
})

test('samples over the age limit are dropped and counted, the others are sent', async () => {
  const { sender, requests, figures } = setUp([], { sample_age_limit: '1h' })
  await sender.send([piece('a', Date.now() - 7_200_000), piece('b')])
  expect(requests).toHaveLength(1)
  expect(figures.failed.get('too_old')).toBe(1)
  await sender.send([piece('a', 0)])
  expect(requests).toHaveLength(1)
})

test('a receiver that knows no 2.0 is not asked again', async () => {
  const { sender, requests } = setUp([{ status: 415, headers: {} }])
  await sender.send([piece('a')])
  await sender.send([piece('a')])
  const versions = requests.map(({ headers }) => headers?.['x-prometheus-remote-write-version'])
  expect(versions).toEqual(['2.0.0', '0.1.0', '0.1.0'])
  expect(sender.protocol).toBe('1.0')
})

test('stopping ends the wait for another attempt', async () => {
  const { sender, stopping } = setUp([{ status: 503, headers: { 'retry-after': '3600' } }])
  const sent = sender.send([piece('a')])
  setTimeout(() => stopping.abort(), 20)
  await expect(sent).rejects.toThrow(SenderStopped)
})

const disabled = { status: 500, headers: {}, body: Buffer.from('native histograms are disabled') }

test.each([
  ['with samples', 1],
  ['alone', 0],
])('native histograms %s that the receiver has disabled hold nothing back', async (_, samples) => {
  const { sender, requests, figures } = setUp([disabled])
  const symbols = ['', '__name__', 'a', 'b']
  const timestamp = Date.now()
  const timeseries = [
    ...(samples ? [{ labelsRefs: [1, 2], samples: [{ value: 1, timestamp }] }] : []),
    { labelsRefs: [1, 3], histograms: [{ sum: 1, timestamp }] },
  ]
  const message = encodeV2({ symbols, timeseries })
  const one = piece('a')
  one.item.write = writer => {
    const request = new WriteReader().read(Buffer.from(message), '2.0')
    writer.addWritten(request, 0, request.series, { exemplars: true, nativeHistograms: true })
  }
  const all = samples + 1
  await sender.send([{ item: { ...one.item, samples: all, series: all }, from: 0, to: all }])
  expect(requests).toHaveLength(1 + samples)
  expect(figures).toMatchObject({ samples, histograms: 0, lastError: '' })
  expect(figures.failed.get('refused')).toBe(1)
})

/** An item of so many series of one sample each, named by its target and their numbers. */
function seriesOf(target: string, series: number, more: Partial<WriteItem> = {}) {
  const timestamp = Date.now()
  const symbols = ['', '__name__', ...Array.from({ length: series }, (_, i) => `${target}${i}`)]
  const timeseries = Array.from({ length: series }, (_, i) => ({
    labelsRefs: [1, 2 + i],
    samples: [{ value: 1, timestamp }],
  }))
  const message = Buffer.from(encodeV2({ symbols, timeseries }))
  return piece(target, timestamp, {
    series,
    samples: series,
    write(writer, from, to) {
      const request = new WriteReader().read(message, '2.0')
      writer.addWritten(request, from, to, { exemplars: true, nativeHistograms: true })
    },
    ...more,
  })
}

/** Names of the series in a request of protocol 2.0. */
function namesIn({ body }: ClientRequest): string[] {
  const read = new WriteReader().read(decodeSnappyBlock(body as Buffer, 1e7), '2.0')
  return Array.from(
    { length: read.series },
    (_, s) => read.symbols[read.labelRefs[read.labelsFrom[s]! + 1]!]!,
  )
}

const written = (samples: number, status = 204, text = '') => ({
  status,
  headers: { 'x-prometheus-remote-write-samples-written': String(samples) },
  body: Buffer.from(text),
})

const atMost = (most: number) => (request: ClientRequest) => {
  const { length } = namesIn(request)
  return length > most ? { status: 413, headers: {} } : written(length)
}

test('a request that is too large is halved down to series, and further ones are smaller', async () => {
  const { sender, requests, figures } = setUp(atMost(30))
  expect(sender.maxSamples).toBe(2000)
  await sender.send([seriesOf('a', 100), seriesOf('b', 20)])
  expect(figures.samples).toBe(120)
  expect(figures.failed.get('too_large')).toBe(0)
  expect(sender.maxSamples).toBe(25)
  const before = requests.length
  await sender.send([seriesOf('a', sender.maxSamples)])
  expect(requests).toHaveLength(before + 1)
})

test('only the series that is too large alone is lost, and counted as that', async () => {
  const { sender, figures } = setUp(request => {
    const names = namesIn(request)
    return names.includes('a3') ? { status: 413, headers: {} } : written(names.length)
  })
  await sender.send([seriesOf('a', 8), seriesOf('b', 2)])
  expect(figures.samples).toBe(9)
  expect(Object.fromEntries(figures.failed)).toMatchObject({ too_large: 1, refused: 0 })
  expect(figures.lastRefusal).toBe('413: no')
})

test('the size of requests recovers slowly, and never goes below ten samples', () => {
  const size = new RequestSize(2000)
  expect(size.refused(300, 0)).toBe(true)
  expect(size.limit).toBe(150)
  expect(size.refused(1000, 10)).toBe(false)
  size.stored(59_000)
  expect(size.limit).toBe(150)
  size.stored(60_010)
  expect(size.limit).toBe(188)
  size.refused(3, 60_020)
  expect(size.limit).toBe(10)
  for (let at = 1; at < 40; at++) size.stored(60_020 + at * 60_000)
  expect(size.limit).toBe(2000)
})

const OLDER = 'out of order sample for series {}'

test('samples that the receiver has are counted as repeated, and its other refusals are not', async () => {
  const { sender, figures } = setUp([
    written(1, 400, `${OLDER}\n${OLDER}\ninvalid metric name or labels, got {}`),
    written(0, 400, OLDER),
  ])
  const isRepeat = true
  await sender.send([seriesOf('a', 4, { isRepeat })])
  expect(Object.fromEntries(figures.failed)).toMatchObject({ repeated: 2, refused: 1 })
  // It was not sent before: what came of it is a loss.
  await sender.send([seriesOf('a', 1)])
  expect(Object.fromEntries(figures.failed)).toMatchObject({ repeated: 2, refused: 2 })
})

test('a target of protocol 1.0 that the receiver has is counted as repeated', async () => {
  const refusal = { status: 400, headers: {}, body: Buffer.from(OLDER) }
  const { sender, figures } = setUp(
    [refusal, refusal, {}, { ...refusal, body: Buffer.from('no') }],
    {},
    {
      protobuf_message: 'prometheus.WriteRequest',
    },
  )
  const isRepeat = true
  await sender.send([seriesOf('a', 3, { isRepeat }), seriesOf('b', 2, { isRepeat })])
  expect(Object.fromEntries(figures.failed)).toMatchObject({ repeated: 3, refused: 0 })
  expect(figures.lastRefusal).toBe('')
  await sender.send([seriesOf('a', 3, { isRepeat })])
  expect(Object.fromEntries(figures.failed)).toMatchObject({ repeated: 3, refused: 3 })
})

const failsFor =
  (bad: string) =>
  (request: ClientRequest): Partial<ClientResponse> => {
    const names = namesIn(request)
    return names.some(one => one.startsWith(bad))
      ? { status: 500, headers: {} }
      : written(names.length)
  }

test('a target that the receiver answers with 5xx is left, and all others are stored', async () => {
  const { sender, requests, figures } = setUp(failsFor('c'))
  const pieces = ['a', 'b', 'c', 'd', 'e'].map(target => seriesOf(target, 3))
  const twice = seriesOf('c', 2)
  expect(await sender.send([...pieces, twice])).toEqual([pieces[2], twice])
  expect(figures.samples).toBe(12)
  expect([...figures.failed.values()].reduce((a, b) => a + b)).toBe(0)
  expect(requests.length).toBeLessThan(30)
})

test('while the receiver stores nothing, a target is isolated ever more rarely', async () => {
  const down = { status: 500, headers: {} }
  const attempts: number[] = []
  const { sender, requests } = setUp(() => down)
  for (const target of ['a', 'b', 'c']) {
    const before = requests.length
    expect(await sender.send([seriesOf(target, 1)])).toHaveLength(1)
    attempts.push(requests.length - before)
  }
  expect(attempts).toEqual([13, 21, 37])
})

test('a receiver that is overloaded or away is asked for all targets at once, for ever', async () => {
  const busy = { status: 503, headers: { 'retry-after': '0' } }
  const many = { status: 429, headers: {} }
  const { sender, requests } = setUp([...Array(20).fill(busy), ...Array(20).fill(many), written(2)])
  expect(await sender.send([seriesOf('a', 1), seriesOf('b', 1)])).toEqual([])
  expect(requests).toHaveLength(41)
  expect(new Set(requests.map(request => namesIn(request).length))).toEqual(new Set([2]))
})

test('what comes after samples of a target that are not stored is not stored before them', async () => {
  let isDown = true
  const stored: string[] = []
  const { sender } = setUp(request => {
    const names = namesIn(request)
    // It refuses a request that is not of one item, and does not store the first one.
    if (names.length > 1) return { status: 400, headers: {} }
    if (isDown && names[0] === 'a0') return { status: 500, headers: {} }
    stored.push(...names)
    return written(1)
  })
  const first = seriesOf('a', 1)
  const second = { ...seriesOf('b', 1) }
  const after = { ...second, item: { ...second.item, target: 'a' } }
  const left = await sender.send([first, after])
  expect(left).toEqual([first, after])
  isDown = false
  expect(stored).toEqual([])
})

test('a target that cannot be written is dropped and counted, and the others are sent', async () => {
  const { sender, figures, requests } = setUp([])
  const written: string[] = []
  const of = (target: string) =>
    piece(target, undefined, {
      write() {
        if (target === 'c') throw new Error('no')
        written.push(target)
      },
    })
  await sender.send(['a', 'b', 'c', 'd'].map(of))
  expect(figures.failed.get('refused')).toBe(1)
  expect(requests).toHaveLength(2)
  expect(new Set(written)).toEqual(new Set(['a', 'b', 'd']))
})
