import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GroupMap } from '../../exposer/group/map.js'
import { eventually } from '../support/eventually.js'
import { HandFed, PARTITIONS, partitionOf } from './hand-fed.js'

interface SdGroup {
  targets: string[]
  labels: Record<string, string>
}
interface TargetsAnswer {
  status: string
  data: {
    shards: { address: string; partitions: number[] }[]
    targets: { labels: Record<string, string>; state: string; shard: string }[]
  }
}

const apps = Array.from({ length: 20 }, (_, i) => ({ job: 'shop', instance: `app-${i}:8080` }))
const all = Array.from({ length: PARTITIONS }, (_, p) => p)
const lists = ['/sd', '/api/v1/targets', '/api/v1/ledger']
const impatient = { 'x-prometheus-scrape-timeout-seconds': '2' }

describe('one shard', () => {
  let shard: HandFed
  beforeEach(async () => {
    shard = await HandFed.start()
    shard.assign(all)
    for (const labels of apps) await shard.append({ labels })
  })
  afterEach(() => shard.stop())

  test('/sd lists all targets at the address of the shard, with interval and timeout, sorted', async () => {
    const response = await shard.get('/sd')
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    const groups = (await response.json()) as SdGroup[]
    expect(groups).toHaveLength(apps.length)
    expect(groups[0]).toEqual({
      targets: [new URL(shard.url).host],
      labels: {
        __metrics_path__: '/target',
        __scrape_interval__: '15000ms',
        __scrape_timeout__: '10000ms',
        job: 'shop',
        __param_job: 'shop',
        instance: 'app-0:8080',
        __param_instance: 'app-0:8080',
      },
    })
    const instances = groups.map(group => group.labels.instance)
    expect(instances).toEqual([...instances].sort())
  })

  test('/sd answers 304 to a client that has the list, until it changes', async () => {
    const first = await shard.get('/sd')
    const tag = first.headers.get('etag')!
    await first.text()
    for (const known of [tag, tag.replace('W/', ''), `"other", ${tag}`]) {
      const again = await shard.get('/sd', { 'if-none-match': known })
      expect([again.status, await again.text()]).toEqual([304, ''])
    }
    await shard.append({ labels: { job: 'shop', instance: 'new' } })
    shard.ahead = 1500
    const changed = await shard.get('/sd', { 'if-none-match': tag })
    expect(changed.status).toBe(200)
    expect(changed.headers.get('etag')).not.toBe(tag)
    expect(await changed.json()).toHaveLength(apps.length + 1)
  })

  test('/sd follows the interval of a target', async () => {
    const intervals = async () => {
      const groups = (await (await shard.get('/sd')).json()) as SdGroup[]
      return groups.map(group => group.labels.__scrape_interval__)
    }
    expect(new Set(await intervals())).toEqual(new Set(['15000ms']))
    await shard.append({ labels: apps[0]!, sequence: 1, intervalMs: 5000 })
    shard.ahead = 1500
    expect((await intervals()).filter(interval => interval === '5000ms')).toHaveLength(1)
  })

  test('/sd without targets is an empty list, once all partitions are replayed', async () => {
    const empty = await HandFed.start()
    empty.assign(all)
    expect(await (await empty.get('/sd')).json()).toEqual([])
    await empty.stop()
  })

  test('/api/v1/targets has an entry for each target, in the response format of Prometheus', async () => {
    const answer = (await (await shard.get('/api/v1/targets?scope=shard')).json()) as TargetsAnswer
    expect(answer.status).toBe('success')
    expect(answer.data.targets).toHaveLength(apps.length)
    expect(answer.data.targets[0]).toEqual({
      labels: { instance: 'app-0:8080', job: 'shop' },
      state: 'up',
      reason: '',
      ageSeconds: expect.any(Number),
      delaySeconds: expect.any(Number),
      playoutSeconds: 0,
      playoutReason: 'fixed by --exposition.playout-delay',
      series: 1,
      partition: partitionOf(apps[0]),
      intervalMs: 15_000,
      incarnation: expect.any(Number),
      sequence: 0,
      relayed: null,
      runs: 1,
      warning: '',
      shard: shard.url,
    })
  })

  test.each(['/sd', '/api/v1/targets'])('%s names the valid scopes', async path => {
    const response = await shard.get(`${path}?scope=world`)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('valid scopes: group, shard')
  })
})

describe('two shards', () => {
  let a: HandFed
  let b: HandFed
  let map: GroupMap
  const halfOf = (shard: HandFed) => (shard === a ? [0, 1] : [2, 3])

  beforeEach(async () => {
    a = await HandFed.start({ externalUrl: 'http://exposer.example:9754/prefix' })
    b = await HandFed.start({ externalUrl: 'http://exposer.example:9754/prefix' })
    map = {
      stable: true,
      partitionCount: PARTITIONS,
      members: [
        { memberId: 'a', address: a.url, partitions: [0, 1] },
        { memberId: 'b', address: b.url, partitions: [2, 3] },
      ],
    }
    for (const shard of [a, b]) {
      shard.map = () => map
      shard.assign(halfOf(shard))
      for (const labels of apps)
        if (halfOf(shard).includes(partitionOf(labels))) await shard.append({ labels })
    }
  })
  afterEach(async () => {
    await a.stop()
    await b.stop()
  })

  test('each lists the targets of both, at the external URL', async () => {
    const [one, other] = await Promise.all(
      [a, b].map(async shard => (await shard.get('/sd')).text()),
    )
    expect(one).toBe(other)
    const groups = JSON.parse(one) as SdGroup[]
    expect(groups.map(group => group.labels.instance).sort()).toEqual(
      apps.map(app => app.instance).sort(),
    )
    expect(new Set(groups.map(group => group.targets[0]))).toEqual(
      new Set(['exposer.example:9754']),
    )
    expect(groups[0].labels.__metrics_path__).toBe('/prefix/target')
  })

  test('scope=shard lists the targets of the shard and names its partitions', async () => {
    const response = await a.get('/sd?scope=shard')
    expect(response.headers.get('x-exposer-partitions')).toBe('0,1')
    const own = apps.filter(labels => [0, 1].includes(partitionOf(labels)))
    expect(await response.json()).toHaveLength(own.length)
  })

  test('the list is requested once for concurrent requests, and cached for a second', async () => {
    const lists = await Promise.all(Array.from({ length: 20 }, () => a.get('/sd')))
    expect(lists.every(list => list.status === 200)).toBe(true)
    await a.get('/sd')
    const telemetry = await (await b.get('/telemetry')).text()
    expect(telemetry).toContain('exposer_scrapes_total{path="/sd",code="200"} 1\n')
    a.ahead = 1500
    await a.get('/sd')
    expect(await (await b.get('/telemetry')).text()).toContain(
      'exposer_scrapes_total{path="/sd",code="200"} 2\n',
    )
  })

  test('an incomplete list is never sent: with a shard that is down it is 503 with the reason', async () => {
    await b.stop()
    const response = await a.get('/sd', impatient)
    expect(response.status).toBe(503)
    expect(await response.text()).toMatch(
      /^the list is incomplete: shard http.* does not answer: .+\n$/,
    )
    b = await HandFed.start()
  })

  test('an incomplete list is never sent: with a partition that no shard or several shards list it is 503', async () => {
    b.assign([3], { kept: [3] })
    const missing = await a.get('/sd', impatient)
    expect(missing.status).toBe(503)
    expect(await missing.text()).toBe('the list is incomplete: no shard lists partition 2\n')
    b.assign([1, 2, 3], { kept: [3] })
    const twice = await a.get('/sd', impatient)
    expect(twice.status).toBe(503)
    expect(await twice.text()).toBe('the list is incomplete: 2 shards list partition 1\n')
  })

  test('a request is held while another shard is replaying', async () => {
    b.assign([2, 3], { replaying: true })
    const answer = a.get('/sd')
    await eventually(() => expect(b.services.changes.waiting).toBe(1))
    b.loaded(2)
    b.loaded(3)
    expect((await answer).status).toBe(200)
  })

  test.each(lists)('%s of a shard that is replaying is 503, at every shard', async list => {
    b.assign([2, 3], { replaying: true })
    b.loaded(2)
    expect((await a.get(list, impatient)).status).toBe(503)
    const own = await b.get(list, impatient)
    expect(own.status).toBe(503)
    expect(await own.text()).toContain('partitions being replayed: 3')
    b.loaded(3)
    for (const shard of [a, b]) expect((await shard.get(list)).status).toBe(200)
  })

  test.each(lists)(
    '%s is 503 when the topic was created again, until it is replayed',
    async list => {
      b.replaced(2, 1)
      for (const shard of [a, b]) expect((await shard.get(list, impatient)).status).toBe(503)
    },
  )

  test.each(lists)('%s is 503 while the shards do not agree on the partitions', async list => {
    map = { ...map, partitionCount: PARTITIONS + 1 }
    const response = await a.get(list, impatient)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('the owners of the partitions are not known yet')
  })

  test.each(['/api/v1/targets', '/api/v1/ledger'])(
    '%s is 503 with the reason when a shard is down',
    async list => {
      await b.stop()
      const response = await a.get(list, impatient)
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({
        status: 'error',
        errorType: 'unavailable',
        error: expect.stringContaining(`shard ${b.url} does not answer`),
      })
      b = await HandFed.start()
    },
  )

  test('/api/v1/targets of the group has the shard of each entry', async () => {
    const answer = (await (await a.get('/api/v1/targets')).json()) as TargetsAnswer
    for (const row of answer.data.targets) {
      expect(row.shard).toBe(partitionOf(row.labels) < 2 ? a.url : b.url)
    }
    expect(answer.data.targets).toHaveLength(apps.length)
  })

  test('without an external URL a warning is logged once', async () => {
    const lone = await HandFed.start()
    lone.map = () => map
    lone.assign([0, 1])
    await lone.get('/sd', impatient)
    lone.rebalance()
    lone.assign([0, 1], { kept: [0, 1] })
    await lone.get('/sd', impatient)
    expect(lone.log.filter(line => line.message.includes('--web.external-url'))).toHaveLength(1)
    await lone.stop()
  })

  test('two shards with one address are logged as a configuration error', async () => {
    map = { ...map, members: map.members.map(member => ({ ...member, address: a.url })) }
    await a.get('/sd', impatient)
    expect(a.log.map(line => line.message).join()).toContain(
      'set a different --web.advertise-address for each shard',
    )
  })
})
