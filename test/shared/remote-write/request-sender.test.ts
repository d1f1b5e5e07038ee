import { expect, test } from 'vitest'
import { systemClock } from '../../../shared/base/clock.js'
import { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
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
import { encodeV2 } from '../../support/remote-write-schema.js'

const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }

/** A sender whose requests are answered by a script; after its end, as by a receiver that stores. */
function setUp(script: readonly Partial<ClientResponse>[], queue: object = {}, more: object = {}) {
  const requests: ClientRequest[] = []
  const client: HttpClient = {
    async request(request) {
      requests.push(request)
      const answer = script[requests.length - 1] ?? { status: 204 }
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
    onStored: quiet,
  })
}

const piece = (target: string, time = Date.now()) => {
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
  }
  return { item, from: 0, to: 1 }
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
