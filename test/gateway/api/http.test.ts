import { get as getByTls } from 'node:https'
import { afterEach, describe, expect, test } from 'vitest'
import { ClientRates } from '../../../gateway/api/client-rates.js'
import type { GatewayConfig } from '../../../gateway/server/config.js'
import { RequestTooLarge, StoreUnavailable } from '../../../gateway/store/store.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { Folder } from '../../shared/http/web-config/certificates.js'
import { type StartedGateway, startGateway } from '../../support/gateway.js'
import { LocalPushStore } from '../../support/local-push-store.js'

let running: StartedGateway | undefined
afterEach(async () => {
  await running?.stop()
  running = undefined
})

const MIB = 2 ** 20
const LIMITS: GatewayConfig['limits'] = {
  bodyBytes: MIB,
  decodedBytes: 2 * MIB,
  push: DEFAULT_LIMITS,
  totalSamples: 1_000_000,
  memory: 256 * MIB,
  requests: 100,
  rate: 0,
  newTargets: 0,
}

async function start(overrides: Partial<GatewayConfig> = {}, store?: LocalPushStore) {
  running = await startGateway({ limits: LIMITS, ...overrides }, store)
  return running
}

const limited = (limits: Partial<GatewayConfig['limits']>) => ({ limits: { ...LIMITS, ...limits } })

async function send(path: string, body = 'x 1\n', init: RequestInit = {}) {
  const response = await fetch(`${running!.url}${path}`, { method: 'PUT', body, ...init })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

const get = async (path: string) => (await fetch(`${running!.url}${path}`)).text()
const refusals = async () =>
  [...(await get('/telemetry')).matchAll(/^gateway_pushes_refused_total\{reason="(\w+)"\} (\d+)/gm)]
    .map(([, reason, count]) => `${reason} ${count}`)
    .sort()

const samples = (count: number) =>
  Array.from({ length: count }, (_, i) => `x{i="${i}"} 1\n`).join('')

describe('limits', () => {
  test('of a push are 413 and say what to do', async () => {
    await start(limited({ push: { ...DEFAULT_LIMITS, samples: 10, labels: 2 } }))
    expect((await send('/metrics/job/a', samples(10))).status).toBe(200)
    expect(await send('/metrics/job/a', samples(11))).toMatchObject({
      status: 413,
      text: expect.stringMatching(/more than 10 samples; expose fewer/),
    })
    expect((await send('/metrics/job/a', 'x{a="1",b="2",c="3"} 1\n')).status).toBe(413)
    const histogram = [
      '# TYPE h histogram',
      ...Array.from({ length: 6 }, (_, i) => `h_count{i="${i}"} 1`),
    ]
    expect(await send('/metrics/job/a', `${histogram.join('\n')}\n`)).toMatchObject({
      status: 413,
      text: expect.stringMatching(/18 samples, over the limit of 10.*--limit.samples/),
    })
    expect(await refusals()).toEqual(['limit 3'])
    expect(await get('/metrics')).toContain('x{i="9",instance="",job="a"} 1')
  })

  test('of a body are 413, also if only the decoded body is larger', async () => {
    await start()
    expect((await send('/metrics/job/a', '#'.repeat(MIB + 1))).status).toBe(413)
    expect(await refusals()).toEqual(['body_size 1'])
  })

  test('of all push groups are 429, except for a push that replaces as much as it brings', async () => {
    await start(limited({ totalSamples: 20 }))
    expect((await send('/metrics/job/a', samples(15))).status).toBe(200)
    expect(await send('/metrics/job/b', samples(6))).toMatchObject({
      status: 429,
      text: expect.stringMatching(
        /20 samples are held.*--limit.total-samples\. Nothing was stored/,
      ),
    })
    expect((await send('/metrics/job/a', samples(15))).status).toBe(200)
    expect((await send('/metrics/job/a', samples(15), { method: 'POST' })).status).toBe(200)
    expect((await send('/metrics/job/a', 'y 1\n', { method: 'DELETE' })).status).toBe(202)
    expect((await send('/metrics/job/b', samples(6))).status).toBe(200)
    expect(await refusals()).toEqual(['total_samples 1'])
  })

  test('of memory are 429, and what is there stays up to date', async () => {
    await start(limited({ memory: MIB }))
    let job = 0
    while ((await send(`/metrics/job/${job}`, samples(20))).status === 200) job++
    expect(job).toBeGreaterThan(3)
    expect(await send('/metrics/job/new', samples(20))).toMatchObject({
      status: 429,
      text: expect.stringMatching(/memory limit .*--memory.limit/),
      headers: expect.objectContaining({}),
    })
    expect((await send('/metrics/job/0', samples(20).replaceAll(' 1\n', ' 2\n'))).status).toBe(200)
    expect(await get('/metrics')).toContain('x{i="19",instance="",job="0"} 2')
  })

  test('of the rate of a client are 429 with the time to wait', async () => {
    await start(limited({ rate: 1 }))
    // All at once: one after the other, a busy machine sends less than one per second.
    const pushes = Array.from({ length: 50 }, () => send('/metrics/job/a'))
    const answers = await Promise.all(pushes)
    const refused = answers.filter(({ status }) => status === 429)
    expect(answers.filter(({ status }) => status === 200).length).toBe(50 - refused.length)
    expect(50 - refused.length).toBeGreaterThanOrEqual(10)
    expect(refused[0].headers.get('retry-after')).toBe('1')
    expect(refused[0].text).toMatch(/--limit.rate/)
    expect(await get('/metrics')).toContain('x{')
  })

  test('of requests in progress are 429, and scrapes go on', async () => {
    const store = new LocalPushStore()
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const submit = store.submit.bind(store)
    store.submit = async request => {
      await held
      return submit(request)
    }
    await start(limited({ requests: 2 }), store)
    const waiting = [send('/metrics/job/a'), send('/metrics/job/b')]
    await expect.poll(() => get('/telemetry')).toContain('gateway_pushes_in_progress 2')
    expect(await send('/metrics/job/c')).toMatchObject({
      status: 429,
      text: expect.stringMatching(/--limit.requests/),
    })
    release()
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200])
    expect((await send('/metrics/job/c')).status).toBe(200)
  })
})

test('an address that pushes less than its rate is never refused, and few addresses are remembered', () => {
  const rates = new ClientRates(2)
  for (let i = 0; i < 1000; i++) expect(rates.wait('steady', i * 500)).toBe(0)
  const refused = Array.from({ length: 30 }, () => rates.wait('burst', 0)).filter(wait => wait > 0)
  expect(refused).toHaveLength(10)
  expect(refused[0]).toBeCloseTo(0.5)
  // A forgotten address begins anew: a flood of addresses costs a client nothing but its history.
  for (let i = 0; i < 10_000; i++) rates.wait(`flood-${i}`, 0)
  expect(rates.wait('burst', 0)).toBe(0)
})

test('TLS is served with a key and a certificate', async () => {
  const folder = new Folder()
  try {
    const { certFile, keyFile, cert } = folder.selfSigned('gateway')
    const { url } = await start({ web: { cert_file: certFile, key_file: keyFile } })
    const status = await new Promise((resolve, reject) => {
      getByTls(`${url}/-/ready`, { ca: cert }, response => resolve(response.statusCode)).on(
        'error',
        reject,
      )
    })
    expect(status).toBe(200)
  } finally {
    await running?.stop()
    running = undefined
    folder.remove()
  }
})

describe('an outage of the store', () => {
  test.each([
    [true, /may still be stored. Repeat it, with the same Idempotency-Key/],
    [false, /Nothing was stored. Repeat the request/],
  ])(
    'is 503 with Retry-After, and says whether the push may be stored: %s',
    async (maybe, text) => {
      const { store } = await start()
      store.outage = new StoreUnavailable('the brokers do not answer', maybe)
      const refused = await send('/metrics/job/a')
      expect(refused).toMatchObject({ status: 503, text: expect.stringMatching(text) })
      expect(refused.text).toMatch(/^the brokers do not answer\. /)
      expect(refused.headers.get('retry-after')).toBe('5')
      expect((await fetch(`${running!.url}/metrics`)).status).toBe(503)
      expect((await fetch(`${running!.url}/-/ready`)).status).toBe(503)
      expect((await fetch(`${running!.url}/-/healthy`)).status).toBe(200)
      store.outage = undefined
      expect((await fetch(`${running!.url}/-/ready`)).status).toBe(200)
      expect(await get('/metrics')).toBe('')
    },
  )
})

test('a push that the brokers refuse for its size is 413, so that clients do not repeat it', async () => {
  const { store } = await start()
  store.outage = new RequestTooLarge('the brokers refuse a record of 5 bytes')
  const refused = await send('/metrics/job/a')
  expect(refused).toMatchObject({ status: 413, text: expect.stringMatching(/Nothing was stored/) })
  expect(refused.headers.get('retry-after')).toBeNull()
})

describe('an Idempotency-Key', () => {
  const keyed = (body: string, key = 'k1', path = '/accumulate/job/a') =>
    send(path, body, { method: 'POST', headers: { 'Idempotency-Key': key } })
  const COUNTER = '# TYPE c counter\nc 1\n'

  test('makes a request be applied once', async () => {
    await start()
    for (let i = 0; i < 3; i++) expect((await keyed(COUNTER)).status).toBe(200)
    expect((await keyed(COUNTER, 'k2')).status).toBe(200)
    expect(await get('/metrics')).toContain('c{instance="",job="a"} 2')
  })

  test('that was used for another body is 422', async () => {
    await start()
    await keyed(COUNTER)
    expect(await keyed('# TYPE c counter\nc 5\n')).toMatchObject({
      status: 422,
      text: expect.stringMatching(/use a new key/),
    })
    expect(await refusals()).toEqual(['id_reused 1'])
  })

  test('is another one for another path', async () => {
    await start()
    await keyed(COUNTER)
    expect((await keyed(COUNTER, 'k1', '/accumulate/job/b')).status).toBe(200)
    expect(await get('/metrics')).toContain('c{instance="",job="b"} 1')
  })

  test('of a push that was refused in itself can be used again', async () => {
    await start()
    expect((await keyed('c 1 1000\n')).status).toBe(400)
    expect((await keyed(COUNTER)).status).toBe(200)
  })
})

describe('expiry', () => {
  test('of a push group is that of its last push, by header, parameter or default', async () => {
    let now = 1_700_000_000_000
    await start({ expiration: { groups: 60_000, ingested: 0 } }, new LocalPushStore(() => now))
    await send('/metrics/job/header?expires=1d', 'x 1\n', { headers: { 'X-Expires-After': '1h' } })
    await send('/metrics/job/parameter?expires=2h')
    await send('/metrics/job/default')
    await send('/metrics/job/never?expires=0')
    const jobs = async () =>
      [...(await get('/metrics')).matchAll(/^x\{.*job="(\w+)"/gm)].map(([, job]) => job).sort()
    expect(await jobs()).toEqual(['default', 'header', 'never', 'parameter'])
    now += 60_000
    expect(await jobs()).toEqual(['header', 'never', 'parameter'])
    now += 3_600_000
    expect(await jobs()).toEqual(['never', 'parameter'])
    now += 3_600_000
    expect(await jobs()).toEqual(['never'])
  })

  test.each(['soon', '-1h', '20y', '1.5h'])('of %s is refused', async text => {
    await start()
    expect(
      await send('/metrics/job/a', 'x 1\n', { headers: { 'X-Expires-After': text } }),
    ).toMatchObject({
      status: 400,
      text: expect.stringMatching(/^X-Expires-After is /),
    })
    expect((await send(`/metrics/job/a?expires=${text}`)).status).toBe(400)
  })
})

describe('/ingest', () => {
  test('stores series by themselves, with an expiry of their own, and keeps their types', async () => {
    let now = 1_700_000_000_000
    await start({}, new LocalPushStore(() => now))
    const ingest = (body: string, init: RequestInit = {}) =>
      send('/ingest', body, { method: 'POST', ...init })
    expect((await ingest('# TYPE a counter\na{x="1"} 1\na{x="2"} 2')).status).toBe(200)
    now += 200_000
    expect((await ingest('# TYPE a counter\na{x="2"} 3\n')).status).toBe(200)
    expect(await get('/metrics')).toBe('# TYPE a counter\na{x="1"} 1\na{x="2"} 3\n')
    now += 200_000
    expect(await get('/metrics')).toBe('# TYPE a counter\na{x="2"} 3\n')
    expect((await ingest('a{x="2" 3\n')).status).toBe(400)
    expect((await send('/ingest', 'a 1\n')).status).toBe(405)
  })
})

describe('paths', () => {
  test('can be chosen, and are served with the route prefix and without it', async () => {
    await start({
      paths: { metrics: '/m', telemetry: '/t', ingest: '/i' },
      routePrefix: '/push',
    })
    expect((await send('/push/metrics/job/a')).status).toBe(200)
    expect((await send('/metrics/job/b')).status).toBe(200)
    expect((await send('/push/i', 'y 1\n', { method: 'POST' })).status).toBe(200)
    expect(await get('/push/m')).toBe(await get('/m'))
    expect(await get('/m')).toContain('x{instance="",job="b"} 1')
    expect(await get('/push/t')).toContain('gateway_groups 2')
    expect((await fetch(`${running!.url}/metrics`)).status).toBe(404)
    const redirect = await send('/push/metrics/job//c', 'x 1\n', { redirect: 'manual' })
    expect(redirect.headers.get('location')).toBe('/push/metrics/job/c')
  })

  test('of the API answer scripts of other origins', async () => {
    await start()
    await send(
      '/metrics/job/a/l/%C3%B6',
      '# TYPE h histogram\nh_bucket{le="0.5"} 1\nh_sum 2\nh_count 3\n',
    )
    const response = await fetch(`${running!.url}/api/v1/metrics`)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.json()).toMatchObject({
      status: 'success',
      data: [
        {
          labels: { job: 'a', l: 'ö' },
          last_push_successful: true,
          push_failure_time_seconds: { type: 'GAUGE', metrics: [{ value: '0' }] },
          h: {
            type: 'HISTOGRAM',
            metrics: [
              {
                labels: { instance: '', job: 'a', l: 'ö' },
                buckets: { '0.5': '1', '+Inf': '3' },
                sum: '2',
                count: '3',
              },
            ],
          },
        },
      ],
    })
  })

  test('of the admin API and the lifecycle exist only if they are enabled', async () => {
    await start({ enableAdminApi: false, enableLifecycle: false })
    await send('/metrics/job/a')
    expect((await send('/api/v1/admin/wipe')).status).toBe(404)
    expect((await send('/-/quit')).status).toBe(403)
    expect(await get('/metrics')).toContain('job="a"')
  })
})

test('push groups are listed in pages, searched and sorted', async () => {
  await start()
  for (let i = 0; i < 30; i++) await send(`/metrics/job/batch/instance/host-${i}`, samples(i + 1))
  const list = async (query: string) => {
    const { data } = JSON.parse(await get(`/api/v1/groups?${query}`))
    return [data.total, data.groups.map((group: { samples: number }) => group.samples)]
  }
  expect(await list('sort=samples&desc=1&limit=3')).toEqual([30, [30, 29, 28]])
  expect(await list('sort=samples&offset=28')).toEqual([30, [29, 30]])
  expect(await list('search=HOST-1 batch&sort=samples&limit=2')).toEqual([11, [2, 11]])
  expect((await fetch(`${running!.url}/api/v1/groups?limit=5000`)).status).toBe(400)
  const { data } = JSON.parse(await get('/api/v1/group?job=batch&instance=host-1'))
  expect(data).toMatchObject({
    group: {
      labels: [
        ['instance', 'host-1'],
        ['job', 'batch'],
      ],
      samples: 2,
    },
    families: [{ name: 'x', family: { metrics: [{ value: '1' }, { value: '1' }] } }],
  })
  expect((await fetch(`${running!.url}/api/v1/group?job=batch`)).status).toBe(404)
})
