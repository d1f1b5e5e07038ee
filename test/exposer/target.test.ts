import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { HandFed, oneCounter, PARTITIONS, partitionOf, path } from './hand-fed.js'

const app = { job: 'shop', instance: 'a:1' }
const all = Array.from({ length: PARTITIONS }, (_, p) => p)
const others = all.filter(p => p !== partitionOf(app))

let shard: HandFed
beforeEach(async () => {
  shard = await HandFed.start()
})
afterEach(() => shard.stop())

/** The requests that wait for something to change. */
const held = (count: number) =>
  eventually(() => expect(shard.services.changes.waiting).toBe(count), undefined, 5)

describe('a target whose partition is owned', () => {
  beforeEach(async () => {
    shard.assign(all)
    await shard.append({ labels: app })
  })

  test('is served without its identifying labels and without timestamps', async () => {
    const response = await shard.get(path(app))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    expect(text).toContain('# TYPE requests_total counter\nrequests_total{path="/"} 42\n')
    expect(text).toMatch(/^exposer_target_snapshot_age_seconds [\d.e-]+$/m)
    expect(text).not.toContain('shop')
  })

  test('is found whatever the order of its labels, and empty labels are ignored', async () => {
    expect((await shard.get('/target?instance=a:1&empty=&job=shop')).status).toBe(200)
  })

  test('has timestamps on request, and as --exposition.timestamps says without one', async () => {
    const stamped = /^requests_total\{path="\/"\} 42 \d{13}$/m
    const get = async (parameter: string) =>
      stamped.exec(await (await shard.get(path(app) + parameter)).text())?.[0]
    for (const value of ['true', 'collection', 'playout'])
      expect(await get(`&__timestamps=${value}`)).toBeDefined()
    await shard.stop()
    shard = await HandFed.start({ timestamps: 'playout' })
    shard.assign(all)
    await shard.append({ labels: app })
    const first = await get('')
    expect(first).toBeDefined()
    expect(await get('')).toBe(first)
    expect(await get('&__timestamps=none')).toBeUndefined()
  })

  test('is 400 with timestamps that there are not', async () => {
    const response = await shard.get(`${path(app)}&__timestamps=scrape`)
    expect(response.status).toBe(400)
    expect(await response.text()).toBe('__timestamps is not one of none, playout, collection\n')
  })

  test('is OpenMetrics for a scraper that prefers it', async () => {
    const accept =
      'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
    const response = await shard.get(path(app), { accept })
    expect(response.headers.get('content-type')).toMatch(
      /^application\/openmetrics-text; version=1\.0\.0/,
    )
    expect(await response.text()).toMatch(/# EOF\n$/)
  })

  test('answers HEAD with headers and nothing else', async () => {
    const response = await shard.get(path(app), {}, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(await response.text()).toBe('')
  })

  test('is 404 without a record of it', async () => {
    const response = await shard.get('/target?job=shop&instance=unheard')
    expect(response.status).toBe(404)
    expect(await response.text()).toMatch(/^no such target: .*\n$/)
  })

  test('is 200 without series after its end, in OpenMetrics with # EOF', async () => {
    await shard.append({ labels: app, sequence: 1, end: true, intervalMs: 1000 })
    await eventually(async () => expect(await (await shard.get(path(app))).text()).toBe(''))
    const response = await shard.get(path(app), {
      accept: 'application/openmetrics-text;version=1.0.0',
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('# EOF\n')
  })

  test('is 503 with the reason of a failed collection, booked as written, until the next snapshot arrives', async () => {
    await (await shard.get(path(app))).text()
    const failure = 'connect ECONNREFUSED 127.0.0.1:9100: “no one” listens'
    await shard.append({ labels: app, sequence: 1, failure })
    const { ledger } = shard.services.shard
    await shard.get(path(app), {}, { method: 'HEAD' })
    expect(ledger.entry()).toMatchObject({ published: 2, written: 1, pending: 1 })
    for (let i = 0; i < 2; i++) {
      const response = await shard.get(path(app))
      expect(response.status).toBe(503)
      expect(await response.text()).toBe(`${failure}\n`)
    }
    expect(ledger.entry()).toMatchObject({ published: 2, written: 2, pending: 0 })
    await shard.append({ labels: app, sequence: 2, values: [43] })
    const response = await shard.get(path(app))
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('requests_total{path="/"} 43\n')
  })

  test('is 503 with the reason when its partition cannot be fetched', async () => {
    shard.fetchFailed([partitionOf(app)])
    shard.ahead = 30_000
    const response = await shard.get(path(app))
    expect(response.status).toBe(503)
    expect(await response.text()).toMatch(/^partition \d could not be fetched for 3\d\.\d s\n$/)
  })

  test('is 503 with the reason when only other targets of its partition send snapshots', async () => {
    const neighbour = Array.from({ length: 100 }, (_, i) => ({
      job: 'shop',
      instance: `n:${i}`,
    })).find(labels => partitionOf(labels) === partitionOf(app))!
    shard.ahead = 60_000
    await shard.append({ labels: neighbour })
    const response = await shard.get(path(app))
    expect(response.status).toBe(503)
    expect(await response.text()).toMatch(
      /^no snapshot for 6\d\.\d s, the publish interval is 15\.0 s\n$/,
    )
    expect((await shard.get(path(neighbour))).status).toBe(200)
  })
})

test.each([
  ['/target', /no job/],
  ['/target?instance=a', /no job/],
  ['/target?job=a&job=b', /"job" is given twice/],
  ['/target?job=a%00', /NUL/],
])('%s is a bad request that says why', async (asked, reason) => {
  shard.assign(all)
  const response = await shard.get(asked)
  expect(response.status).toBe(400)
  expect(await response.text()).toMatch(reason)
})

describe('a target of another shard', () => {
  const owner = 'http://10.0.0.7:9754'
  beforeEach(() => {
    shard.map = () => ({
      stable: true,
      partitionCount: PARTITIONS,
      members: [
        { memberId: 'a', address: shard.url, partitions: others },
        { memberId: 'b', address: owner, partitions: [partitionOf(app)] },
      ],
    })
    shard.assign(others)
  })

  test('is redirected to its owner, with all parameters', async () => {
    const response = await shard.get(`${path(app)}&__timestamps=true`)
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe(
      `${owner}/target?job=shop&instance=a%3A1&__timestamps=true&__hop=1`,
    )
  })

  test('a request redirected here is held during a rebalance, and answered after the assignment', async () => {
    expect((await shard.get(path(app))).status).toBe(307)
    shard.map = () => ({ stable: false, partitionCount: PARTITIONS, members: [] })
    shard.rebalance()
    const answer = shard.get(`${path(app)}&__hop=1`)
    await held(1)
    shard.assign(all, { kept: others })
    await shard.append({ labels: app })
    expect((await answer).status).toBe(200)
  })

  test('a request redirected here by an old map is redirected again by a current one, a few times', async () => {
    expect((await shard.get(path(app))).status).toBe(307)
    const response = await shard.get(`${path(app)}&__hop=1`)
    expect(response.status).toBe(307)
    const location = `${owner}/target?job=shop&instance=a%3A1&__hop=2`
    expect(response.headers.get('location')).toBe(location)
    const circling = await shard.get(`${path(app)}&__hop=4`, {
      'x-prometheus-scrape-timeout-seconds': '0.2',
    })
    expect(circling.status).toBe(503)
    expect(await circling.text()).toMatch(/is not assigned to this shard/)
  })

  test('during a rebalance it is redirected to its last known owner', async () => {
    expect((await shard.get(path(app))).status).toBe(307)
    shard.map = () => ({ stable: false, partitionCount: PARTITIONS, members: [] })
    shard.rebalance()
    const response = await shard.get(path(app))
    expect(response.headers.get('location')).toContain(owner)
  })

  test('while the coordinator says nothing it is redirected to its last known owner', async () => {
    expect((await shard.get(path(app))).status).toBe(307)
    shard.map = () => new Promise(() => {})
    shard.rebalance()
    const response = await shard.get(path(app))
    expect(response.headers.get('location')).toContain(owner)
  })

  test('after a rebalance it is redirected to its next owner, never to the last one', async () => {
    expect((await shard.get(path(app))).status).toBe(307)
    const next = 'http://10.0.0.8:9754'
    shard.map = () => ({
      stable: true,
      partitionCount: PARTITIONS,
      members: [
        { memberId: 'a', address: shard.url, partitions: others },
        { memberId: 'c', address: next, partitions: [partitionOf(app)] },
      ],
    })
    shard.rebalance()
    shard.assign(others, { kept: others })
    const answers = await Promise.all(Array.from({ length: 20 }, () => shard.get(path(app))))
    for (const answer of answers) expect(answer.headers.get('location')).toContain(next)
  })

  test('this shard never redirects to itself, whatever the map says', async () => {
    shard.map = () => ({
      stable: true,
      partitionCount: PARTITIONS,
      members: [{ memberId: 'a', address: shard.url, partitions: all }],
    })
    const answer = shard.get(path(app))
    await held(1)
    shard.assign(all, { kept: others })
    await shard.append({ labels: app })
    expect((await answer).status).toBe(200)
  })

  test('the map of the group is read once for all held requests, and again after a rebalance', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => shard.get(path(app))))
    expect(answers.every(answer => answer.status === 307)).toBe(true)
    expect(shard.mapsRead).toBe(1)
    shard.rebalance()
    shard.assign(others, { kept: others })
    expect((await shard.get(path(app))).status).toBe(307)
    expect(shard.mapsRead).toBe(2)
  })

  test('is held while the map is not complete, and redirected as soon as it is', async () => {
    const whole = shard.map
    shard.map = () => ({ stable: false, partitionCount: PARTITIONS, members: [] })
    const answer = shard.get(path(app))
    await held(1)
    shard.map = whole
    expect((await answer).status).toBe(307)
  })

  test('is held while the coordinator does not answer, and the error is logged once', async () => {
    const whole = shard.map
    shard.map = () => {
      throw new Error('no coordinator')
    }
    const answer = shard.get(path(app))
    await eventually(() => expect(shard.mapsRead).toBeGreaterThan(2))
    shard.map = whole
    expect((await answer).status).toBe(307)
    expect(
      shard.log.filter(line => line.level === 'warn' && /members of the group/.test(line.message)),
    ).toHaveLength(1)
  })
})

describe('during a handover', () => {
  test('requests wait for the first assignment and for the replay, and then are answered', async () => {
    const answer = shard.get(path(app))
    await held(1)
    shard.assign(all, { replaying: true })
    await held(1)
    for (const partition of all) shard.loaded(partition)
    expect((await answer).status).toBe(404)
  })

  test('a request waits for its own partition only', async () => {
    shard.assign(all, { replaying: true })
    shard.loaded(partitionOf(app))
    expect((await shard.get(path(app))).status).toBe(404)
  })

  test('a request is answered with the reason when its deadline passes', async () => {
    shard.assign(all, { replaying: true })
    const response = await shard.get(path(app), { 'x-prometheus-scrape-timeout-seconds': '0.1' })
    expect(response.status).toBe(503)
    expect(await response.text()).toBe(`partition ${partitionOf(app)} is being replayed\n`)
  })

  test('an owned partition is served during a rebalance', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    shard.rebalance()
    expect((await shard.get(path(app))).status).toBe(200)
    shard.assign(all, { kept: all })
    expect((await shard.get(path(app))).status).toBe(200)
  })

  test('requests for a partition that is about to move are held, and passed on when it has moved', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    shard.rebalance()
    const owner = 'http://10.0.0.7:9754'
    shard.map = () => ({
      stable: true,
      partitionCount: PARTITIONS,
      members: [{ memberId: 'b', address: owner, partitions: all }],
    })
    await shard.revoke([partitionOf(app)])
    const answer = shard.get(path(app))
    await held(1)
    shard.assign(others, { kept: others })
    expect((await answer).headers.get('location')).toContain(owner)
  })

  test('when a log was replaced by another, requests are answered as soon as that one has been replayed', async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    shard.replaced(partitionOf(app), 1)
    const answer = shard.get(path(app), { 'x-prometheus-scrape-timeout-seconds': '120' })
    await held(1)
    await shard.append({ labels: app })
    expect((await answer).status).toBe(200)
  })

  test('a client that disconnects while its request is held leaves no waiting request', async () => {
    const leaving = new AbortController()
    const answer = shard.get(path(app), {}, { signal: leaving.signal })
    await held(1)
    leaving.abort()
    await expect(answer).rejects.toThrow()
    await held(0)
  })

  test('a thousand held requests are all answered', async () => {
    // A machine under load takes longer than the default timeout to connect all of them.
    const patient = { 'x-prometheus-scrape-timeout-seconds': '60' }
    const answers = Array.from({ length: 1000 }, () => shard.get(path(app), patient))
    await held(1000)
    shard.assign(all)
    const statuses = (await Promise.all(answers)).map(answer => answer.status)
    expect(new Set(statuses)).toEqual(new Set([404]))
  })
})

describe('without a lease', () => {
  beforeEach(async () => {
    shard.assign(all)
    await shard.append({ labels: app })
    shard.leaseUntil = performance.now() - 1
  })

  test('nothing is served, whatever the assignment', async () => {
    for (const asked of [path(app), '/metrics', '/sd?scope=shard']) {
      const response = await shard.get(asked, { 'x-prometheus-scrape-timeout-seconds': '0.1' })
      expect(response.status).toBe(503)
      expect(await response.text()).toMatch(/the lease has expired/)
    }
  })

  test('requests are held, and answered when the lease is valid again', async () => {
    const answer = shard.get(path(app))
    await held(1)
    shard.leaseUntil = Number.POSITIVE_INFINITY
    shard.fetched(partitionOf(app))
    expect((await answer).status).toBe(200)
  })
})

test('a redirected label set survives odd names and values', async () => {
  const odd = { job: 'a/b c%+"\\&=?#', instance: 'ü€🦀', x: 'y'.repeat(3000) }
  shard.assign(all)
  await shard.append({ labels: odd, layout: oneCounter })
  expect((await shard.get(path(odd))).status).toBe(200)
})
