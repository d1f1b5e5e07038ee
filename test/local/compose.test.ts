import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { findPromtool } from '../../deploy/local/prometheus.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const yaml = (file: string) => parse(readFileSync(`${root}${file}`, 'utf8'), { merge: true })

function hasCompose(): boolean {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

interface Service {
  depends_on?: Record<string, unknown> | string[]
  command?: string[]
  volumes?: string[]
}
const services: Record<string, Service> = yaml('docker-compose.yml').services
const prometheus = yaml('deploy/prometheus/prometheus.yml')

describe('docker compose', () => {
  test('the file is well-formed, and taken by docker compose where there is one', () => {
    expect(Object.keys(services)).toEqual(
      expect.arrayContaining(['kafka', 'shard-1', 'prometheus', 'grafana']),
    )
    if (hasCompose()) execFileSync('docker', ['compose', 'config', '--quiet'], { cwd: root })
  })

  test('everything that a service waits for or is told of is a service', () => {
    const names = Object.keys(services)
    for (const service of Object.values(services)) {
      const needed = Array.isArray(service.depends_on)
        ? service.depends_on
        : Object.keys(service.depends_on ?? {})
      expect(names).toEqual(expect.arrayContaining(needed))
    }
    const scraped = prometheus.scrape_configs[1].static_configs[0].targets
    expect(scraped).toEqual(names.filter(name => name.startsWith('shard-')).map(name => `${name}:9754`))
  })

  test('service discovery is asked at the address that all shards are told as theirs', () => {
    const url = new URL(prometheus.scrape_configs[0].http_sd_configs[0].url)
    for (const shard of [services['shard-1'], services['shard-2']]) {
      expect(shard.command).toContain(`--web.external-url=${url.origin}`)
    }
  })

  test('what is mounted is in the repository', () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.map(v => v.split(':')[0]))
    expect(mounted.length).toBeGreaterThan(0)
    for (const path of mounted)
      expect(() =>
        execFileSync('git', ['ls-files', '--error-unmatch', path], { cwd: root, stdio: 'ignore' }),
      ).not.toThrow()
  })
})

test.skipIf(process.env.CI !== 'true' && findPromtool() === null)(
  'promtool takes the Prometheus configuration',
  () => {
    execFileSync(findPromtool()!, ['check', 'config', `${root}deploy/prometheus/prometheus.yml`])
  },
)

test('every panel of the dashboard asks for metrics that exist', () => {
  const dashboard = JSON.parse(readFileSync(`${root}deploy/grafana/dashboards/kafka-exposer.json`, 'utf8'))
  const asked = JSON.stringify(dashboard).match(/exposer_[a-z_]+/g)!
  const telemetry = execFileSync('grep', ['-rhoE', "'exposer_[a-z_]+'", 'exposer/telemetry'], {
    cwd: root,
  }).toString()
  for (const name of new Set(asked)) {
    expect(telemetry, name).toContain(`'${name.replace(/_(bucket|sum|count)$/, '')}'`)
  }
})
