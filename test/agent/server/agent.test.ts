import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { COLLECTOR_NAMES, type CollectorName } from '../../../agent/host/host.js'
import type { Agent } from '../../../agent/server/agent.js'
import type { AgentConfig } from '../../../agent/server/config.js'
import { Peer } from '../../shared/http/client/peer.js'
import { newAgent, RecordingSink, startAgent } from '../../support/agent.js'
import { loadAgentFile, parseAgentFile } from '../../support/agent-file.js'
import { eventually } from '../../support/eventually.js'
import { recordingLogger } from '../../support/kafka.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const TEXT = { 'content-type': 'text/plain; version=0.0.4' }

/** An agent with a configuration file, which scrapes a server of this process each second. */
class Harness {
  readonly sink = new RecordingSink()
  readonly logger = recordingLogger()
  readonly folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-agent-'))
  agent!: Agent
  peer!: Peer
  /** Response to scrapes; undefined: none. */
  page: string | undefined = 'a 1\n'
  /** Response of `/sd`; undefined: 503. */
  discovered: unknown[] | undefined = []

  static async start(
    config: (address: string, harness: Harness) => object,
    overrides: Partial<AgentConfig> = {},
  ): Promise<Harness> {
    const harness = new Harness()
    cleanups.push(() => rmSync(harness.folder, { recursive: true }))
    harness.peer = await Peer.start((request, response) => {
      if (request.url === '/sd') {
        const { discovered } = harness
        if (!discovered) return response.writeHead(503).end()
        response.writeHead(200, { 'content-type': 'application/json' })
        return response.end(JSON.stringify(discovered))
      }
      const { page } = harness
      return page === undefined ? undefined : response.writeHead(200, TEXT).end(page)
    })
    cleanups.push(() => harness.peer.stop())
    harness.write('agent.yml', config(harness.address, harness))
    const file = join(harness.folder, 'agent.yml')
    const loadPlan = function* () {
      const { jobs, externalLabels, warnings } = yield* loadAgentFile(file)
      return { plan: { jobs, externalLabels, sidecars: new Set(['sidecar']) }, warnings }
    }
    harness.agent = await startAgent({ file, loadPlan, ...overrides }, harness.sink, harness.logger)
    cleanups.push(() => harness.agent.stop())
    return harness
  }

  get address(): string {
    return `127.0.0.1:${this.peer.port}`
  }

  write(name: string, content: object): void {
    writeFileSync(join(this.folder, name), JSON.stringify(content))
  }

  async get(path: string, init?: RequestInit): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.agent.url}${path}`, init)
    return { status: response.status, text: await response.text() }
  }

  /** Why targets of each job cannot be published. */
  async invalid(): Promise<string[]> {
    const { text } = await this.get('/api/v1/status')
    return JSON.parse(text).data.jobs.map((job: { invalid: string[] }) => job.invalid.join())
  }

  async targets(): Promise<Record<string, unknown>[]> {
    const { text } = await this.get('/api/v1/targets?state=active')
    return JSON.parse(text).data.activeTargets
  }

  /** How the collections of a target went: series, `failed` or `end`. */
  outcomes(target: string): (number | string)[] {
    return this.sink
      .of(target)
      .map(({ result, end }) =>
        end ? 'end' : result instanceof Error ? result.message : result.values.length,
      )
  }
}

const runs = (harness: Harness, target: string, count: number) =>
  expect(new Set(harness.sink.of(target).map(({ run }) => run.incarnation)).size).toBe(count)

const global = { scrape_interval: '1s', scrape_timeout: '500ms' }
const job = (name: string, address: string, more: object = {}) => ({
  job_name: name,
  static_configs: [{ targets: [address], labels: { instance: 'i' } }],
  ...more,
})

describe('an agent', () => {
  test('scrapes the targets of its file, each as a target of its own', async () => {
    const { sink } = await Harness.start(address => ({
      global: { ...global, external_labels: { cluster: 'c', job: 'external' } },
      scrape_configs: [job('a', address), job('b', address)],
    }))
    await eventually(() => {
      expect(sink.of('c,i,a').length).toBeGreaterThan(1)
      expect(sink.of('c,i,b').length).toBeGreaterThan(1)
    })
    const [first, second] = sink.of('c,i,a')
    expect(first.run).toMatchObject({
      intervalMs: 1000,
      target: [
        { name: 'cluster', value: 'c' },
        { name: 'instance', value: 'i' },
        { name: 'job', value: 'a' },
      ],
    })
    expect(second.collection.sequence).toBe(1)
  })

  test('publishes a failed scrape with its reason', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [job('a', address, { sample_limit: 1, metrics_path: '/sd' })],
    }))
    await eventually(() => {
      expect(harness.outcomes('i,a')).toContain(
        'received unsupported Content-Type "application/json" and no fallback_scrape_protocol specified for target',
      )
    })
    const { text } = await harness.get('/metrics')
    expect(text).toMatch(/^agent_targets\{health="down"\} 1$/m)
    expect(text).toMatch(/^agent_collections_failed_total [1-9]/m)
  })

  test('of targets with the same labels scrapes one, and tells the other', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [
        job('a', address),
        job('b', address, { relabel_configs: [{ target_label: 'job', replacement: 'a' }] }),
      ],
    }))
    await eventually(async () => {
      expect((await harness.invalid())[1]).toContain(
        'another target has the labels {instance="i", job="a"}',
      )
    })
    expect([...harness.sink.openTargets]).toEqual(['i,a'])
  })

  test('refuses targets that no record can have', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [
        job('kafka-exposer', address),
        job('b', address, { relabel_configs: [{ regex: 'job', action: 'labeldrop' }] }),
      ],
    }))
    await eventually(async () => {
      const [reserved, nameless] = await harness.invalid()
      expect(reserved).toContain('is reserved for exposers')
      expect(nameless).toContain('the target has no job')
    })
  })

  test('over target_limit fails all scrapes of the job', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [
        {
          job_name: 'a',
          target_limit: 1,
          static_configs: ['x', 'y'].map(instance => ({
            targets: [address],
            labels: { instance },
          })),
        },
      ],
    }))
    await eventually(() => {
      expect(harness.outcomes('x,a')).toContain(
        'target_limit exceeded (number of targets: 2, limit: 1)',
      )
    })
  })

  test('ends the run of a target that leaves the discovery of files', async () => {
    const files = (instances: readonly string[], address: string) =>
      instances.map(instance => ({ targets: [address], labels: { instance } }))
    const harness = await Harness.start((address, { write, folder }) => {
      write.call({ folder }, 'a.json', files(['x', 'y'], address))
      return {
        global,
        scrape_configs: [{ job_name: 'a', file_sd_configs: [{ files: ['*.json'] }] }],
      }
    })
    await eventually(() => expect([...harness.sink.openTargets].sort()).toEqual(['x,a', 'y,a']))
    await eventually(() => expect(harness.outcomes('x,a')).toContain(1))
    harness.write('a.json', files(['y'], harness.address))
    await eventually(() => expect(harness.outcomes('x,a').at(-1)).toBe('end'))
    const last = harness.sink.of('x,a').at(-1)!.result
    expect(last).toMatchObject({ values: new Float64Array(0) })
    // A file that is invalid changes nothing.
    writeFileSync(join(harness.folder, 'a.json'), '[')
    await eventually(async () => {
      const { text } = await harness.get('/api/v1/status')
      expect(JSON.parse(text).data.jobs[0].problems[0]).toContain('a.json: ')
    })
    expect([...harness.sink.openTargets]).toEqual(['y,a'])
  })

  test('keeps the targets of an HTTP discovery that fails', async () => {
    const harness = await Harness.start((address, own) => {
      own.discovered = [{ targets: [address], labels: { instance: 'x', __meta_zone: 'z' } }]
      const relabel_configs = [{ source_labels: ['__meta_zone'], target_label: 'zone' }]
      const http_sd_configs = [{ url: `http://${address}/sd`, refresh_interval: '1s' }]
      return { global, scrape_configs: [{ job_name: 'a', http_sd_configs, relabel_configs }] }
    })
    await eventually(() => expect([...harness.sink.openTargets]).toEqual(['x,a,z']))
    harness.discovered = undefined
    await eventually(async () => {
      const { text } = await harness.get('/api/v1/status')
      expect(JSON.parse(text).data.jobs[0].problems).toEqual([
        `http://${harness.address}/sd: server returned HTTP status 503 Service Unavailable`,
      ])
    })
    expect([...harness.sink.openTargets]).toEqual(['x,a,z'])
    harness.discovered = []
    await eventually(() => expect(harness.outcomes('x,a,z').at(-1)).toBe('end'))
  })

  test('logs a discovery that fails once, and counts each failure', async () => {
    const harness = await Harness.start((address, own) => {
      own.discovered = undefined
      const http_sd_configs = [{ url: `http://${address}/sd`, refresh_interval: '1s' }]
      return { global, scrape_configs: [{ job_name: 'a', http_sd_configs }] }
    })
    const figures = async () => (await harness.get('/metrics')).text
    await eventually(async () => {
      const text = await figures()
      expect(text).toMatch(/^agent_discovery_failing\{scrape_job="a"\} 1$/m)
      expect(text).toMatch(/^agent_discovery_refresh_failures_total\{mechanism="http"\} [3-9]$/m)
    })
    const logged = (text: string) => harness.logger.lines.filter(line => line.includes(text))
    expect(logged('Discovery fails')).toHaveLength(1)
    harness.discovered = []
    await eventually(() => expect(logged('Discovery succeeds again')).toHaveLength(1))
    expect(await figures()).toMatch(/^agent_discovery_failing\{scrape_job="a"\} 0$/m)
    expect(logged('Discovery fails')).toHaveLength(1)
  })
})

describe('a reload', () => {
  const reload = (harness: Harness) => harness.get('/-/reload', { method: 'POST' })

  test('goes on with jobs that are the same, changes others, and ends those that are gone', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [job('same', address), job('changed', address), job('gone', address)],
    }))
    await eventually(() => expect(harness.sink.of('i,changed').length).toBeGreaterThan(0))
    await eventually(() => expect(harness.sink.of('i,gone').length).toBeGreaterThan(0))
    const relabel = [{ target_label: 'more', replacement: 'x' }]
    harness.write('agent.yml', {
      global,
      scrape_configs: [
        job('same', harness.address),
        job('changed', harness.address, { honor_labels: true }),
        job('new', harness.address, { relabel_configs: relabel }),
      ],
    })
    expect(await reload(harness)).toEqual({ status: 200, text: '' })
    await eventually(() => expect(harness.outcomes('i,gone').at(-1)).toBe('end'))
    await eventually(() => expect(harness.sink.of('i,new,x').length).toBeGreaterThan(0))
    await eventually(() => {
      const runs = new Set(harness.sink.of('i,changed').map(({ run }) => run.incarnation))
      expect(runs.size).toBe(2)
    })
    expect(harness.outcomes('i,changed')).not.toContain('end')
    const runs = new Set(harness.sink.of('i,same').map(({ run }) => run.incarnation))
    expect(runs.size).toBe(1)
  })

  test('of many jobs leaves turns of the event loop to others, and follows the one before', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [job('a', address)],
    }))
    const many = Array.from({ length: 500 }, (_, i) => ({ job_name: `job-${i}` }))
    const write = (first: string) =>
      harness.write('agent.yml', { global, scrape_configs: [{ job_name: first }, ...many] })
    let turns = 0
    const count = () => {
      turns++
      counting = setImmediate(count)
    }
    let counting = setImmediate(count)
    write('one')
    const reloads = [harness.agent.reload(), harness.agent.reload()]
    expect(await Promise.all(reloads)).toEqual([undefined, undefined])
    clearImmediate(counting)
    expect(turns).toBeGreaterThan(20)
    await eventually(() => expect(harness.outcomes('i,a').at(-1)).toBe('end'))
  })

  test('of an invalid file leaves everything as it was, and says why', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [job('a', address)],
    }))
    harness.write('agent.yml', { scrape_configs: [{ job_name: 'a', nonsense: 1 }] })
    expect(await reload(harness)).toEqual({
      status: 500,
      text: 'failed to reload config: scrape_configs[0].nonsense: unknown key\n',
    })
    expect([...harness.sink.openTargets]).toEqual(['i,a'])
    const { text } = await harness.get('/metrics')
    expect(text).toMatch(/^agent_config_last_reload_successful 0$/m)
    expect(harness.logger.lines.join('\n')).toContain('the previous configuration stays in effect')
  })

  test('applies to the last known targets while the discovery of the job fails', async () => {
    const config = (address: string, more: object) => ({
      global,
      scrape_configs: [
        {
          job_name: 'a',
          http_sd_configs: [{ url: `http://${address}/sd`, refresh_interval: '1s' }],
          ...more,
        },
      ],
    })
    const harness = await Harness.start((address, own) => {
      own.discovered = [{ targets: [address], labels: { instance: 'x' } }]
      return config(address, {})
    })
    await eventually(() => expect(harness.outcomes('x,a')).toContain(1))
    harness.discovered = undefined
    harness.page = 'a 1\nb 2\n'
    const dropped = { source_labels: ['__name__'], regex: 'b', action: 'drop' }
    // Twice: the targets are then those of the configuration before the last one.
    harness.write('agent.yml', config(harness.address, { honor_labels: true }))
    expect((await reload(harness)).status).toBe(200)
    await eventually(() => expect(harness.outcomes('x,a').at(-1)).toBe(2))
    harness.write('agent.yml', config(harness.address, { metric_relabel_configs: [dropped] }))
    expect((await reload(harness)).status).toBe(200)
    await eventually(() => expect(harness.outcomes('x,a').slice(-2)).toEqual([1, 1]))
    await eventually(() => runs(harness, 'x,a', 3))
    expect(harness.outcomes('x,a')).not.toContain('end')
    harness.discovered = []
    await eventually(() => expect(harness.outcomes('x,a').at(-1)).toBe('end'))
  })

  test('keeps the targets of an address that was replaced by one that fails', async () => {
    const config = (address: string, path: string) => ({
      global,
      scrape_configs: [
        {
          job_name: 'a',
          http_sd_configs: [{ url: `http://${address}${path}`, refresh_interval: '1s' }],
        },
      ],
    })
    const harness = await Harness.start((address, own) => {
      own.discovered = [{ targets: [address], labels: { instance: 'x' } }]
      return config(address, '/sd')
    })
    await eventually(() => expect(harness.outcomes('x,a')).toContain(1))
    // Its content type is that of a page.
    harness.write('agent.yml', config(harness.address, '/other'))
    expect((await reload(harness)).status).toBe(200)
    await eventually(() => runs(harness, 'x,a', 2))
    harness.write('agent.yml', config(harness.address, '/sd'))
    expect((await reload(harness)).status).toBe(200)
    await eventually(() => runs(harness, 'x,a', 3))
    expect(harness.outcomes('x,a')).not.toContain('end')
  })

  test('changes a job again before its discovery has answered', async () => {
    const config = (address: string, more: object) => ({
      global,
      scrape_configs: [
        {
          job_name: 'a',
          static_configs: [{ targets: [address], labels: { instance: 'x' } }],
          ...more,
        },
      ],
    })
    const harness = await Harness.start(address => config(address, {}))
    await eventually(() => expect(harness.outcomes('x,a')).toContain(1))
    const silent = await Peer.start(() => {})
    cleanups.push(() => silent.stop())
    const http_sd_configs = [{ url: silent.url('/sd').href }]
    harness.write('agent.yml', config(harness.address, { http_sd_configs }))
    expect((await reload(harness)).status).toBe(200)
    expect(await harness.targets()).toHaveLength(1)
    harness.write('agent.yml', config(harness.address, { honor_labels: true }))
    expect((await reload(harness)).status).toBe(200)
    await eventually(() => runs(harness, 'x,a', 2))
    expect(await harness.targets()).toHaveLength(1)
    expect(await harness.invalid()).toEqual([''])
    expect(harness.outcomes('x,a')).not.toContain('end')
  })

  test('is refused unless it is enabled', async () => {
    const harness = await Harness.start(() => ({}), { enableLifecycle: false })
    expect((await reload(harness)).status).toBe(403)
    expect((await harness.get('/-/quit', { method: 'PUT' })).status).toBe(403)
    expect((await harness.get('/-/reload')).status).toBe(405)
  })
})

describe('the end of an agent', () => {
  test('ends targets that belong to it, and leaves those of others', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [job('sidecar', address), job('other', address)],
    }))
    // A sidecar is collected at once.
    await eventually(() => expect(harness.sink.of('i,sidecar').length).toBeGreaterThan(0))
    await eventually(() => expect(harness.sink.of('i,other').length).toBeGreaterThan(0))
    await harness.agent.stop()
    cleanups.pop()
    expect(harness.outcomes('i,sidecar').at(-1)).toBe('end')
    expect(harness.outcomes('i,other')).not.toContain('end')
  })

  test('has the values of a last scrape', async () => {
    const harness = await Harness.start(address => ({
      global: { scrape_interval: '1m', scrape_timeout: '5s' },
      scrape_configs: [job('sidecar', address)],
    }))
    await eventually(() => expect(harness.outcomes('i,sidecar')).toEqual([1]))
    harness.page = 'a 2\n'
    await harness.agent.stop()
    cleanups.pop()
    expect(harness.outcomes('i,sidecar')).toEqual([1, 'end'])
    expect(harness.sink.of('i,sidecar')[1].result).toMatchObject({ values: Float64Array.of(2) })
    expect(harness.logger.lines.join('\n')).not.toContain('Cannot collect')
  })

  test('comes without a failure although a scrape hangs', async () => {
    const harness = await Harness.start(address => ({
      global: { scrape_interval: '20s', scrape_timeout: '18s' },
      scrape_configs: [job('sidecar', address)],
    }))
    await eventually(() => expect(harness.outcomes('i,sidecar')).toEqual([1]))
    harness.page = undefined
    const before = harness.peer.requests.length
    const stopped = harness.agent.stop()
    cleanups.pop()
    await stopped
    expect(harness.peer.requests.length).toBeGreaterThan(before)
    expect(harness.outcomes('i,sidecar')).toEqual([1, 'end'])
  })

  test('ends all targets that had left before', async () => {
    const instances = Array.from({ length: 200 }, (_, i) => String(i))
    const harness = await Harness.start((address, own) => {
      own.discovered = instances.map(instance => ({ targets: [address], labels: { instance } }))
      const http_sd_configs = [{ url: `http://${address}/sd`, refresh_interval: '1s' }]
      // A busy machine cannot scrape all of them in a second.
      const global = { scrape_interval: '5s', scrape_timeout: '5s' }
      return { global, scrape_configs: [{ job_name: 'a', http_sd_configs }] }
    })
    await eventually(() => expect(harness.sink.openTargets.size).toBe(200))
    for (const instance of instances)
      await eventually(() => expect(harness.outcomes(`${instance},a`)).toContain(1))
    // No response: scrapes of many targets are in progress when these leave.
    harness.page = undefined
    const before = harness.peer.requests.length
    await eventually(() => expect(harness.peer.requests.length).toBeGreaterThan(before + 100))
    const { length } = harness.sink.offered
    harness.write('agent.yml', {})
    await harness.agent.reload()
    await harness.agent.stop()
    cleanups.pop()
    const later = harness.sink.offered.slice(length).map(({ collected }) => collected)
    expect(later.filter(({ end }) => end).length).toBe(200)
    expect(later.filter(({ result }) => result instanceof Error)).toEqual([])
  })

  test('does not wait for its start, which starts nothing then', async () => {
    const sink = new RecordingSink()
    let isLoaded = false
    const [found] = parseAgentFile(JSON.stringify({ scrape_configs: [job('a', 'x:1')] })).jobs
    const plan = { jobs: [found], externalLabels: {}, sidecars: new Set<string>() }
    const loading = function* () {
      while (!isLoaded) yield
      return { plan, warnings: [] }
    }
    const { agent, starting } = newAgent({ loadPlan: loading }, sink)
    await eventually(() => expect(agent.url).not.toBe(''))
    await agent.stop()
    isLoaded = true
    await starting
    expect(sink.openTargets.size).toBe(0)
  })

  test('may be asked for by HTTP', async () => {
    const harness = await Harness.start(() => ({}))
    expect((await harness.get('/-/quit', { method: 'POST' })).status).toBe(200)
    await harness.agent.quit
  })
})

describe('the web server of an agent', () => {
  test('shows targets as Prometheus does', async () => {
    const harness = await Harness.start(address => ({
      global,
      scrape_configs: [
        job('a', address),
        job('dropped', address, { relabel_configs: [{ source_labels: ['job'], action: 'drop' }] }),
      ],
    }))
    await eventually(async () => expect((await harness.targets())[0].health).toBe('up'))
    const { text } = await harness.get('/api/v1/targets')
    const discoveredLabels = (name: string) => ({
      __address__: harness.address,
      __metrics_path__: '/metrics',
      __scheme__: 'http',
      __scrape_interval__: '1s',
      __scrape_timeout__: '500ms',
      instance: 'i',
      job: name,
    })
    expect(JSON.parse(text)).toMatchObject({
      status: 'success',
      data: {
        activeTargets: [
          {
            discoveredLabels: discoveredLabels('a'),
            labels: { instance: 'i', job: 'a' },
            scrapePool: 'a',
            scrapeUrl: `http://${harness.address}/metrics`,
            globalUrl: `http://${harness.address}/metrics`,
            lastError: '',
            health: 'up',
            scrapeInterval: '1s',
            scrapeTimeout: '500ms',
          },
        ],
        droppedTargets: [{ discoveredLabels: discoveredLabels('dropped'), scrapePool: 'dropped' }],
        droppedTargetCounts: { a: 0, dropped: 1 },
      },
    })
    const dropped = JSON.parse((await harness.get('/api/v1/targets?scrapePool=dropped')).text)
    expect(dropped.data.activeTargets).toEqual([])
    const active = JSON.parse((await harness.get('/api/v1/targets?state=active')).text)
    expect(active.data.droppedTargets).toEqual([])
  })

  test('has health, readiness, a page and metrics', async () => {
    const harness = await Harness.start(() => ({}))
    expect(await harness.get('/-/healthy')).toEqual({
      status: 200,
      text: 'kafka-exposer is healthy.\n',
    })
    expect((await harness.get('/-/ready')).status).toBe(200)
    for (const path of ['/', '/targets'])
      expect((await harness.get(path)).text).toContain('kafka-exposer agent')
    expect((await harness.get('/page/app.js')).status).toBe(200)
    const { text } = await harness.get('/metrics')
    expect(text).toMatch(/^agent_build_info\{version="1\.2\.3"/m)
    expect(text).toMatch(/^agent_ready 1$/m)
    expect(text).toMatch(/^agent_config_last_reload_successful 1$/m)
  })

  test('metrics of this machine are a target too', async () => {
    const collectors = Object.fromEntries(
      COLLECTOR_NAMES.map(name => [name, name === 'loadavg']),
    ) as Record<CollectorName, boolean>
    const host = { job: 'node', instance: 'here', intervalMs: 1000, options: { collectors } }
    const harness = await Harness.start(() => ({}), { host })
    await eventually(async () => {
      expect(await harness.targets()).toMatchObject([
        { labels: { job: 'node', instance: 'here' }, health: 'up', scrapePool: 'node' },
      ])
    })
    expect(harness.sink.of('here,node')[0].result).not.toBeInstanceOf(Error)
  })
})
