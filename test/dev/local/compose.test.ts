import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { partOrSkip } from '../../support/or-skip.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const text = (file: string) => readFileSync(`${root}${file}`, 'utf8')

/** `docker compose` or `docker-compose`, version 2 or newer. Undefined if neither is installed. */
const compose = [['docker', 'compose'], ['docker-compose']].find(([command, ...args]) =>
  /\bv?2\.|\bv?[3-9]\./.test(
    spawnSync(command, [...args, 'version', '--short']).stdout?.toString() ?? '',
  ),
)

const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully'])
const duration = z.string().regex(/^\d+(ms|s|m)$/)
const pair = /^[^\s:]+$/

/**
 * The part of the Compose specification that docker-compose.yml uses. Anything else fails the test.
 */
const service = z.strictObject({
  build: z.literal('.').optional(),
  image: z.string(),
  pull_policy: z.enum(['never', 'build']).optional(),
  pid: z.literal('host').optional(),
  stop_grace_period: duration.optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string().regex(/^[A-Z0-9_]+$/), z.string()).default({}),
  depends_on: z
    .union([
      z
        .array(z.string())
        .transform(names => Object.fromEntries(names.map(name => [name, 'service_started']))),
      z
        .record(z.string(), z.strictObject({ condition }))
        .transform(needs =>
          Object.fromEntries(Object.entries(needs).map(([name, n]) => [name, n.condition])),
        ),
    ])
    .default({}),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], z.string()),
      interval: duration,
      timeout: duration,
      retries: z.int().min(1),
    })
    .optional(),
  networks: z
    .strictObject({ default: z.strictObject({ aliases: z.array(z.string()) }) })
    .optional(),
  ports: z.array(z.string()).default([]),
  volumes: z
    .array(
      z.string().transform(volume => {
        const [path, target, mode, ...rest] = volume.split(':')
        return { path, target, mode, rest }
      }),
    )
    .default([]),
})

const file = z.strictObject({
  name: z.string().regex(pair),
  'x-image': z.unknown(),
  'x-shard': z.unknown(),
  'x-app': z.unknown(),
  services: z.record(z.string().regex(pair), service),
})

const { services } = file.parse(parse(text('docker-compose.yml'), { merge: true }))
const prometheus = parse(text('deploy/prometheus/prometheus.yml'))
const named = Object.entries(services)

describe('docker compose', () => {
  test('accepts the file, which has the services of the whole pipeline', () => {
    const names = [
      'kafka',
      'topic',
      'push-topics',
      'shard-1',
      'shard-2',
      'gateway',
      'agent',
      'batch',
      'shop',
      'payments',
      'catalog',
      'prometheus',
      'grafana',
    ]
    expect(Object.keys(services)).toEqual(names)
    if (!compose) return
    const [command, ...args] = compose
    const listed = execFileSync(command, [...args, 'config', '--services'], {
      cwd: root,
    }).toString()
    expect(listed.trim().split('\n').sort()).toEqual(names.sort())
  })

  test('every dependency is a service, and has a health check if a service waits for its health', () => {
    for (const [name, { depends_on }] of named) {
      for (const [dependency, condition] of Object.entries(depends_on)) {
        expect(services, `${name} depends on ${dependency}`).toHaveProperty([dependency])
        if (condition === 'service_healthy')
          expect(services[dependency].healthcheck, dependency).toBeDefined()
      }
    }
  })

  test('shards, gateways and agents have the time that a planned stop may take', () => {
    for (const name of ['shard-1', 'shard-2', 'gateway', 'agent'])
      expect(services[name].stop_grace_period, name).toBe('20s')
  })

  test('the image is built by one service, on which its other users depend, and is never pulled', () => {
    const builders = named.filter(([, { build }]) => build).map(([name]) => name)
    expect(builders).toEqual(['topic'])
    for (const [name, { image, pull_policy, depends_on }] of named) {
      if (image !== services.topic.image || name === 'topic') continue
      expect(pull_policy, name).toBe('never')
      expect(depends_on, name).toHaveProperty('topic', 'service_completed_successfully')
    }
  })

  test('third-party images have a fixed version, that of Kafka is the one of the tests', () => {
    const foreign = named
      .map(([, { image }]) => image)
      .filter(image => image !== services.topic.image)
    expect(foreign).toHaveLength(3)
    for (const image of foreign) expect(image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/)
    expect(text('dev/local/kafka/container.ts')).toContain(`'${services.kafka.image}'`)
    const [, version] = services.kafka.image.split(':')
    expect(text('dev/local/kafka/pom.xml')).toContain(`<version>${version}</version>`)
  })

  test('ports are published on the loopback interface only, each once', () => {
    const ports = named.flatMap(([, { ports }]) => ports)
    const published = ports.map(port => /^127\.0\.0\.1:(\d+):\d+$/.exec(port)?.[1])
    expect(published).not.toContain(undefined)
    expect(new Set(published).size).toBe(published.length)
    expect(published).toEqual(
      expect.arrayContaining(['9752', '9753', '9754', '9755', '9090', '3000']),
    )
  })

  test('the agent sees the mounts of the machine, read-only, and those that come later', () => {
    const { command, pid, volumes } = services.agent
    expect(pid).toBe('host')
    expect(volumes).toEqual([{ path: '/', target: '/host', mode: 'ro,rslave', rest: [] }])
    expect(command).toContain('--path.rootfs=/host')
  })

  test('other volumes are read-only folders of the repository', () => {
    const mounted = named.flatMap(([name, { volumes }]) => (name === 'agent' ? [] : volumes))
    expect(mounted).toHaveLength(3)
    for (const { path, mode, rest } of mounted) {
      expect([mode, rest]).toEqual(['ro', []])
      expect(existsSync(`${root}${path}`), path).toBe(true)
    }
  })

  test('service discovery uses the external URL of all shards, which is their network alias', () => {
    const url = new URL(prometheus.scrape_configs[0].http_sd_configs[0].url)
    const shards = named.filter(([name]) => name.startsWith('shard-'))
    for (const [name, { command, networks }] of shards) {
      expect(command).toContain(`--web.external-url=${url.origin}`)
      expect(command).toContain(`--web.advertise-address=http://${name}:9754`)
      expect(networks?.default.aliases).toContain(url.hostname)
    }
    const scraped = prometheus.scrape_configs[1].static_configs[0].targets
    expect(scraped).toEqual(shards.map(([name]) => `${name}:9754`))
  })

  test('the gateway publishes what is pushed, so that only its telemetry is scraped', () => {
    expect(services.gateway.command).toContain('--publish')
    const jobs = prometheus.scrape_configs as {
      metrics_path?: string
      static_configs?: { targets: string[] }[]
    }[]
    const paths = jobs
      .filter(job => job.static_configs?.some(({ targets }) => targets.includes('gateway:9753')))
      .map(job => job.metrics_path)
    expect(paths).toEqual(['/telemetry'])
  })

  // An unknown flag keeps the program from starting. It must be the only problem that is reported.
  test.each(named.filter(([, { image }]) => image === services.topic.image))(
    'the command of %s has valid flags',
    (_, { entrypoint, command = [] }) => {
      const [, program] = entrypoint ?? ['node', 'dist/cli/bin.mjs']
      const { stderr } = spawnSync(process.execPath, [program, ...command, '--no-such-flag=1'], {
        cwd: root,
      })
      expect(stderr.toString().trim()).toMatch(/^(kafka-exposer: error: )?--no-such-flag: .*$/)
    },
  )
})

const promtool = await partOrSkip('promtool')
test.skipIf(promtool === null)('promtool accepts the Prometheus configuration', () => {
  execFileSync(promtool!, ['check', 'config', `${root}deploy/prometheus/prometheus.yml`])
})

test('the panels of the dashboard query existing metrics', () => {
  const dashboard = JSON.parse(
    readFileSync(`${root}deploy/grafana/dashboards/kafka-exposer.json`, 'utf8'),
  )
  const queried = JSON.stringify(dashboard).match(/exposer_[a-z_]+/g)!
  const telemetry = readdirSync(`${root}exposer/telemetry`)
    .map(file => text(`exposer/telemetry/${file}`))
    .join('\n')
  const page = text('docs/metrics.md')
  for (const name of new Set(queried)) {
    const metric = name.replace(/_(bucket|sum|count)$/, '')
    // Those of remote write are named in a loop.
    if (name.startsWith('exposer_remote_write_')) expect(page, name).toContain(`    ${metric}`)
    else expect(telemetry, name).toContain(`'${metric}'`)
  }
})

test('the panels of the dashboard of agents query metrics that are in docs', () => {
  const dashboard = text('deploy/grafana/dashboards/kafka-exposer-agent.json')
  const queried = new Set(dashboard.match(/\bagent_[a-z_]+/g))
  expect(queried.size).toBeGreaterThan(4)
  const page = text('docs/metrics.md')
  for (const name of queried) expect(page, name).toContain(`\`${name}`)
})

test('the panels of the dashboard of gateways query metrics that are in docs/metrics.md', () => {
  const dashboard = text('deploy/grafana/dashboards/kafka-exposer-gateway.json')
  const queried = new Set(dashboard.match(/gateway_[a-z_]+/g))
  expect(queried.size).toBeGreaterThan(10)
  const page = text('docs/metrics.md')
  for (const name of queried)
    expect(page, name).toContain(`\`${name.replace(/_(bucket|sum|count)$/, '')}\``)
})
