import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import {
  alive,
  Dev,
  type DevOptions,
  descendants,
  pidsOf,
  type Running,
  runFolders,
} from '../support/dev.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'

const withPrometheus = (await partOrSkip('prometheus')) !== null
const noPrometheus = { PROMETHEUS_BIN: '/nowhere/prometheus' }
const existingKafka = () => ({ KAFKA_BROKERS: inject('brokers').join(',') })

interface Opened {
  readonly url: string
  readonly status: number
  readonly text: string
}

const addressesIn = (text: string) =>
  (text.split('The pipeline is up')[1] ?? '').match(/http:\/\/[^\s']+/g) ?? []

async function open(url: string): Promise<Opened> {
  const response = await fetch(url)
  return { url, status: response.status, text: await response.text() }
}

const httpUrl = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)
const pid = expect.any(Number)

const started: Dev[] = []
function start(args: readonly string[], options?: DevOptions): Dev {
  const dev = Dev.start(args, options)
  started.push(dev)
  return dev
}

afterEach(async () => {
  await Promise.all(started.splice(0).map(dev => dev.stop()))
})

const expectNothingLeft = (pids: readonly number[]) =>
  eventually(() => {
    expect(alive(pids), 'still running').toEqual([])
    expect(runFolders(pids), 'data and logs').toEqual([])
  })

describe('npm start with --duration', () => {
  let dev: Dev
  let running: Running
  let pids: number[]
  let code: number | NodeJS.Signals
  let opened: Opened[]

  beforeAll(async () => {
    const env = withPrometheus ? {} : noPrometheus
    dev = Dev.start(['--json', '--duration=10s'], { npm: true, env })
    running = await dev.running()
    pids = [dev.pid, ...descendants(dev.pid)]
    expect(pids).toEqual(expect.arrayContaining(pidsOf(running)))
    expect(alive(pidsOf(running))).toEqual(pidsOf(running))
    await eventually(() => expect(dev.stderr).toMatch(/^ {2}Stop .*\n/m))
    opened = await Promise.all(
      addressesIn(dev.stderr)
        // A push is no GET.
        .filter(url => !url.includes('/metrics/job/'))
        .map(open),
    )
    code = await dev.exited
  })

  afterAll(() => dev?.stop())

  test('exits with 0 if every app is up and has a request rate, and prints the rates', async () => {
    expect(code, dev.stderr).toBe(0)
    await dev.printed(/healthy at the end/)
    if (withPrometheus) await dev.printed(/shop \d+\.\d requests\/s/)
  })

  test('prints one line of JSON on standard output and everything else on standard error', async () => {
    expect(dev.stdout).toMatch(/^\{.*\}\n$/)
    const app = (job: string) => ({
      url: httpUrl,
      pid,
      job,
      instance: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    })
    expect(running).toStrictEqual({
      url: httpUrl,
      kafka: { brokers: [expect.stringMatching(/^127\.0\.0\.1:\d+$/)], pid },
      exposers: [
        { url: httpUrl, pid },
        { url: httpUrl, pid },
      ],
      gateways: [{ url: httpUrl, pid }],
      agents: [{ url: httpUrl, pid }],
      apps: [app('shop'), app('payments'), app('catalog')],
      prometheus: withPrometheus ? { url: httpUrl, pid } : null,
    })
    await dev.printed(/The pipeline is up/)
    expect(dev.stderr).toContain(running.url)
  })

  test('every address that it prints can be opened, and its query has results', () => {
    expect(opened.length).toBeGreaterThan(6)
    expect(opened.filter(({ status }) => status !== 200)).toEqual([])
    const query = opened.find(({ url }) => url.includes('/query?'))
    expect(query !== undefined).toBe(withPrometheus)
    if (query?.url.includes('/api/v1/'))
      expect(JSON.parse(query.text).data.result.length).toBeGreaterThan(0)
  })

  test('leaves no process and no data behind', () => expectNothingLeft(pids))
})

describe('a pipeline on an existing cluster, without Prometheus', () => {
  test('starts no Kafka, prints how to get Prometheus and Python, and exits with 1 and the name of an app that died', async () => {
    const env = { ...existingKafka(), ...noPrometheus, PYTHON: '/nowhere/python' }
    const dev = start(['--json', '--duration=15s'], { env })
    const { kafka, apps, agents, prometheus, url } = await dev.running()
    expect(kafka).toEqual({ brokers: inject('brokers'), pid: null })
    expect(prometheus).toBeNull()
    expect(dev.stderr).toMatch(/using the Kafka at/)
    expect(dev.stderr).toMatch(/continuing without Prometheus.*PROMETHEUS_BIN/)
    expect(dev.stderr).toMatch(/continuing without the worker in Python.*PYTHON=/)
    expect(agents).toHaveLength(1)
    await dev.printed(/metrics of this machine, without a worker/)
    const { job, instance } = apps[0]
    expect(await (await fetch(`${url}/target?job=${job}&instance=${instance}`)).text()).toMatch(
      /^process_start_time_seconds \d/m,
    )
    process.kill(apps[1].pid, 'SIGKILL')
    expect(await dev.exited).toBe(1)
    await dev.printed(/unhealthy at the end: payments was killed by SIGKILL\n/)
  })

  test('SIGINT stops every child', async () => {
    const dev = start(['--json'], { env: { ...existingKafka(), ...noPrometheus } })
    await dev.running()
    const pids = descendants(dev.pid)
    expect(pids.length).toBeGreaterThan(5)
    dev.signal('SIGINT')
    expect(await dev.exited, dev.stderr).toBe(0)
    await dev.printed(/stopping\n$/)
    await expectNothingLeft([dev.pid, ...pids])
  })

  test('a second SIGINT kills a child that hangs', async () => {
    const dev = start(['--json'], { env: { ...existingKafka(), ...noPrometheus } })
    const { apps } = await dev.running()
    const pids = descendants(dev.pid)
    process.kill(apps[0].pid, 'SIGSTOP')
    dev.signal('SIGINT')
    await dev.printed(/stopping\n/)
    // A second SIGINT within half a second counts as the same Ctrl-C, forwarded by npm. A third
    // one may kill the process while it exits.
    const stopping = performance.now()
    await eventually(() => expect(performance.now() - stopping).toBeGreaterThan(600))
    dev.signal('SIGINT')
    expect(await dev.exited).toBe(130)
    await dev.printed(/second SIGINT; exiting without waiting for the shutdown\n$/)
    await expectNothingLeft([dev.pid, ...pids])
  })
})

describe('no process and no data are left', () => {
  test.each([
    ['the program', false],
    ['npm', true],
  ])('when %s is killed', async (_, npm) => {
    const dev = start(['--json'], { env: noPrometheus, npm })
    await dev.running()
    const pids = descendants(dev.pid)
    dev.signal('SIGKILL')
    expect(await dev.exited).toBe('SIGKILL')
    await expectNothingLeft([dev.pid, ...pids])
  })

  test('when the program is interrupted while it starts', async () => {
    const dev = start([], { env: noPrometheus })
    await dev.printed(/starting two exposer shards/)
    await eventually(() => expect(descendants(dev.pid).length).toBeGreaterThan(2))
    const pids = descendants(dev.pid)
    dev.signal('SIGINT')
    expect(await dev.exited).toBe(130)
    await expectNothingLeft([dev.pid, ...pids])
  })
})

test('an unreachable broker is reported without a stack, and no program is started', async () => {
  const dev = start([], { env: { KAFKA_BROKERS: '127.0.0.1:1' } })
  expect(await dev.exited).toBe(1)
  await dev.printed(/127\.0\.0\.1:1/)
  expect(dev.stderr).not.toMatch(/^ {4}at /m)
})
