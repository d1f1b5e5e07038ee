import { afterEach, describe, expect, test } from 'vitest'
import { HttpDiscovery } from '../../../../agent/scrape/discovery/http.js'
import { parseGroupsSteps } from '../../../../agent/scrape/discovery/parse-groups.js'
import { clientOf, Peer } from '../../../shared/http/client/peer.js'
import { LongestSteps } from '../../../support/longest-step.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const optionsOf = (url: string, intervalMs: number) => ({
  url,
  intervalMs,
  client: clientOf(),
  maxBytes: 64 * 2 ** 20,
  counts: { refreshes: 0, failures: 0 },
})

/** The first refresh of a discovery whose endpoint answers with a body. */
async function refreshed(body: string, type = 'application/json; charset=utf-8', status = 200) {
  const peer = await Peer.start((_, response) =>
    response.writeHead(status, { 'content-type': type }).end(body),
  )
  const url = peer.url('/sd').href
  const discovery = new HttpDiscovery(optionsOf(url, 30_000))
  cleanups.push(
    () => peer.stop(),
    () => discovery.stop(),
  )
  await new Promise<void>(resolve => discovery.start(resolve))
  return { discovery, url, headers: peer.requests[0].headers }
}

describe('discovery by HTTP', () => {
  test('with an interval of months asks once, and not without a pause', async () => {
    const peer = await Peer.start((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('[]'),
    )
    const url = peer.url('/sd').href
    const discovery = new HttpDiscovery(optionsOf(url, 90 * 86_400_000))
    cleanups.push(
      () => peer.stop(),
      () => discovery.stop(),
    )
    const overflows: Error[] = []
    const onWarning = (warning: Error) => void overflows.push(warning)
    process.on('warning', onWarning)
    await new Promise<void>(resolve => discovery.start(resolve))
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(discovery.problems).toEqual([])
    expect(overflows).toEqual([])
  })

  test('asks as Prometheus does, and labels targets with the URL', async () => {
    const list = [{ targets: ['a:1', 'b:2'], labels: { __meta_x: 'y' } }, { targets: [] }]
    const { discovery, url, headers } = await refreshed(JSON.stringify(list))
    expect(headers).toMatchObject({
      accept: 'application/json',
      'x-prometheus-refresh-interval-seconds': '30',
    })
    expect(discovery.groups).toEqual([
      { targets: ['a:1', 'b:2'], labels: { __meta_x: 'y', __meta_url: url }, source: `${url}:0` },
      { targets: [], labels: { __meta_url: url }, source: `${url}:1` },
    ])
    expect(discovery.problems).toEqual([])
  })

  // As in Prometheus, whose package leaves out what is null.
  test('reads null as missing', async () => {
    const { discovery } = await refreshed('null')
    expect([discovery.groups, discovery.problems]).toEqual([[], []])
    const list = [
      { targets: null, labels: null },
      { targets: ['a:1'], labels: { x: null } },
    ]
    const { discovery: inGroups } = await refreshed(JSON.stringify(list))
    expect(inGroups.groups).toMatchObject([
      { targets: [], labels: {} },
      { targets: ['a:1'], labels: { x: '' } },
    ])
  })

  test.each([
    ['[]', 'text/plain', 200, 'unsupported content type "text/plain"'],
    ['[]', 'application/json', 500, 'server returned HTTP status 500 Internal Server Error'],
    ['[', 'application/json', 200, 'JSON'],
    ['[null]', 'application/json', 200, '[0]: '],
    ['[{"targets": [1]}]', 'application/json', 200, '[0].targets[0]: '],
    ['[{"target": []}]', 'application/json', 200, '[0].target: unknown key'],
    [
      JSON.stringify([{ targets: Array.from({ length: 100_001 }, () => 'a') }]),
      'application/json',
      200,
      'more than 100000 targets',
    ],
    ['{}', 'application/json', 200, 'must be a list of groups of targets'],
  ])('fails without targets: %.30s as %s with %i', async (body, type, status, problem) => {
    const { discovery } = await refreshed(body, type, status)
    expect(discovery.problems.join()).toContain(problem)
    expect([discovery.groups, discovery.failures]).toEqual([undefined, 1])
  })

  // What a hostile endpoint could send within the size of a response.
  test.each([
    ['groups', () => `[${'{},'.repeat(100_000)}{}]`, 'more than 100000 groups'],
    ['values', () => `[${'1,'.repeat(5_000_001)}1]`, 'more than 5000000 values'],
    ['problems', () => `[${'1,'.repeat(99_000)}1]`, '[0]: '],
    [
      'labels of a group',
      () => `[{"labels":{${Array.from({ length: 10_001 }, (_, i) => `"${i}":""`)}}}]`,
      'more than 10000 keys',
    ],
    [
      'labels',
      () => JSON.stringify([{ targets: Array(200).fill('a'), labels: { x: 'v'.repeat(1e6) } }]),
      'the labels of all targets are longer than 128 MiB',
    ],
  ])('fails without targets for too many %s', async (_, body, problem) => {
    const { discovery } = await refreshed(body())
    expect(discovery.problems.join()).toContain(problem)
    expect([discovery.groups, discovery.failures]).toEqual([undefined, 1])
  })

  test('reads 100,000 targets in steps of well under 10 ms', () => {
    const targets = Array.from({ length: 50_000 }, (_, i) => `host-${i}.example:9100`)
    const groups = targets.map(address => ({
      targets: [address],
      labels: { zone: 'a', rack: 'b' },
    }))
    const body = Buffer.from(JSON.stringify([{ targets }, ...groups]))
    const steps = new LongestSteps()
    for (let i = 0; i < 3; i++) {
      steps.restart()
      expect(steps.run(parseGroupsSteps(body, 'x', {}))).toHaveLength(50_001)
    }
    expect(steps.ms, steps.longest).toBeLessThan(5)
  })
})
