import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { partOrSkip } from '../../support/or-skip.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const text = (file: string) => readFileSync(`${root}${file}`, 'utf8')

/** `docker compose` or the older `docker-compose`, 2 or later; undefined where there is none. */
const compose = [['docker', 'compose'], ['docker-compose']].find(([command, ...args]) =>
  /\bv?2\.|\bv?[3-9]\./.test(spawnSync(command, [...args, 'version', '--short']).stdout?.toString() ?? ''),
)

const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully'])
const duration = z.string().regex(/^\d+(ms|s|m)$/)
const pair = /^[^\s:]+$/

/** What our file uses of the Compose specification: whatever else stands there is a mistake, or has to be looked at. */
const service = z.strictObject({
  build: z.literal('.').optional(),
  image: z.string(),
  pull_policy: z.enum(['never', 'build']).optional(),
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
  networks: z.strictObject({ default: z.strictObject({ aliases: z.array(z.string()) }) }).optional(),
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
  test('takes the file, with the services of the whole pipeline', () => {
    const names = [
      'kafka',
      'topic',
      'shard-1',
      'shard-2',
      'shop',
      'payments',
      'catalog',
      'prometheus',
      'grafana',
    ]
    expect(Object.keys(services)).toEqual(names)
    if (!compose) return
    const [command, ...args] = compose
    const taken = execFileSync(command, [...args, 'config', '--services'], { cwd: root }).toString()
    expect(taken.trim().split('\n').sort()).toEqual(names.sort())
  })

  test('everything that a service waits for is a service, with a health check where its health is waited for', () => {
    for (const [name, { depends_on }] of named) {
      for (const [needed, how] of Object.entries(depends_on)) {
        expect(services, `${name} waits for ${needed}`).toHaveProperty([needed])
        if (how === 'service_healthy') expect(services[needed].healthcheck, needed).toBeDefined()
      }
    }
  })

  test('our image is built by one service, which all others that use it wait for, and is never pulled', () => {
    const builders = named.filter(([, { build }]) => build).map(([name]) => name)
    expect(builders).toEqual(['topic'])
    for (const [name, { image, pull_policy, depends_on }] of named) {
      if (image !== services.topic.image || name === 'topic') continue
      expect(pull_policy, name).toBe('never')
      expect(depends_on, name).toHaveProperty('topic', 'service_completed_successfully')
    }
  })

  test('images of others are of one version; Kafka of the one that tests use', () => {
    const foreign = named.map(([, { image }]) => image).filter(image => image !== services.topic.image)
    expect(foreign).toHaveLength(3)
    for (const image of foreign) expect(image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/)
    expect(text('dev/local/kafka/container.ts')).toContain(`'${services.kafka.image}'`)
    const [, version] = services.kafka.image.split(':')
    expect(text('dev/local/kafka/pom.xml')).toContain(`<version>${version}</version>`)
  })

  test('ports are published to this machine only, each once', () => {
    const ports = named.flatMap(([, { ports }]) => ports)
    const published = ports.map(port => /^127\.0\.0\.1:(\d+):\d+$/.exec(port)?.[1])
    expect(published).not.toContain(undefined)
    expect(new Set(published).size).toBe(published.length)
    expect(published).toEqual(expect.arrayContaining(['9754', '9755', '9090', '3000']))
  })

  test('what is mounted is in the repository, to be read only', () => {
    const mounted = named.flatMap(([, { volumes }]) => volumes)
    expect(mounted).toHaveLength(3)
    for (const { path, mode, rest } of mounted) {
      expect([mode, rest]).toEqual(['ro', []])
      expect(existsSync(`${root}${path}`), path).toBe(true)
    }
  })

  test('service discovery is asked at the address that all shards are told as theirs and answer to', () => {
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

  /** One flag that is wrong, so that nothing starts: mistakes are told all at once, and it must be the only one. */
  test.each(named.filter(([, { image }]) => image === services.topic.image))(
    'the program takes the command of %s',
    (_, { entrypoint, command = [] }) => {
      const [, program] = entrypoint ?? ['node', 'dist/cli/bin.mjs']
      const { stderr } = spawnSync(process.execPath, [program, ...command, '--no-such-flag=1'], { cwd: root })
      expect(stderr.toString().trim()).toMatch(/^(kafka-exposer: error: )?--no-such-flag: .*$/)
    },
  )
})

const promtool = await partOrSkip('promtool')
test.skipIf(promtool === null)('promtool takes the Prometheus configuration', () => {
  execFileSync(promtool!, ['check', 'config', `${root}deploy/prometheus/prometheus.yml`])
})

test('every panel of the dashboard asks for metrics that exist', () => {
  const dashboard = JSON.parse(readFileSync(`${root}deploy/grafana/dashboards/kafka-exposer.json`, 'utf8'))
  const asked = JSON.stringify(dashboard).match(/exposer_[a-z_]+/g)!
  const telemetry = readdirSync(`${root}exposer/telemetry`)
    .map(file => text(`exposer/telemetry/${file}`))
    .join('\n')
  for (const name of new Set(asked)) {
    expect(telemetry, name).toContain(`'${name.replace(/_(bucket|sum|count)$/, '')}'`)
  }
})
