import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { findPrometheus } from '../../deploy/local/prometheus.js'
import { eventually } from '../support/eventually.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

interface Running {
  url: string
  kafka: { brokers: string[]; pid: number | null }
  exposers: { url: string; pid: number }[]
  apps: { url: string; pid: number; job: string; instance: string }[]
  prometheus: { url: string; pid: number } | null
}

interface TargetRow {
  labels: Record<string, string>
  state: string
  shard: string
}

/**
 * The whole pipeline as `npm start` runs it, on the brokers of this test run, and what a real Prometheus sees of it.
 */
describe.skipIf(process.env.CI !== 'true' && findPrometheus() === null)('the pipeline', () => {
  let child: ChildProcess
  let running: Running
  let log = ''

  beforeAll(async () => {
    child = spawn(process.execPath, [main, 'dev', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, KAFKA_BROKERS: inject('brokers').join(',') },
    })
    child.stderr!.on('data', chunk => {
      log = (log + chunk).slice(-10_000)
    })
    const lines = createInterface({ input: child.stdout! })
    running = await new Promise<Running>((resolve, reject) => {
      lines.once('line', line => resolve(JSON.parse(line)))
      child.once('exit', code => reject(new Error(`dev exited with ${code}: ${log}`)))
    })
  }, 180_000)

  afterAll(async () => {
    if (!child || child.exitCode !== null) return
    const exited = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGINT')
    await exited
  })

  const query = async (
    promql: string,
  ): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
    const response = await fetch(
      `${running.prometheus!.url}/api/v1/query?query=${encodeURIComponent(promql)}`,
    )
    const answer = (await response.json()) as { data: { result: [] } }
    return answer.data.result
  }

  const targets = async (url: string): Promise<TargetRow[]> => {
    const response = await fetch(`${url}/api/v1/targets?scope=group`)
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return ((await response.json()) as { data: { targets: TargetRow[] } }).data.targets
  }

  const upOf = async (app: { job: string; instance: string }): Promise<string | undefined> =>
    (await query(`up{job="${app.job}",instance="${app.instance}"}`))[0]?.value[1]

  test('Prometheus sees every demo app as one target that is up, with a rate of its requests', async () => {
    expect(running.apps).toHaveLength(3)
    expect(running.exposers).toHaveLength(2)
    for (const app of running.apps) {
      await eventually(async () => expect(await upOf(app)).toBe('1'))
      await eventually(async () => {
        const selector = `job="${app.job}",instance="${app.instance}"`
        const rate = await query(`sum(rate(http_requests_total{${selector}}[1m]))`)
        expect(Number(rate[0]?.value[1])).toBeGreaterThan(0)
      })
    }
  }, 120_000)

  test('what Prometheus stored of a virtual target is what the app itself exposes: the same families and series', async () => {
    const app = running.apps[0]
    const direct = await (await fetch(`${app.url}/metrics`)).text()
    const names = new Set(
      direct
        .split('\n')
        .filter(line => line.startsWith('# TYPE'))
        .map(line => line.split(' ')[2]),
    )
    expect(names.size).toBeGreaterThan(10)
    const selector = `job="${app.job}",instance="${app.instance}"`
    const stored = new Set((await query(`{${selector},__name__!=""}`)).map(r => r.metric.__name__))
    for (const name of names) {
      const seen = [name, `${name}_count`, `${name}_bucket`].some(n => stored.has(n))
      expect(seen, `${name} is exposed by the app but not stored`).toBe(true)
    }
  })

  test('a shard that is killed is replaced: its targets are up again, served by the other, and never on both', async () => {
    const before = await targets(running.url)
    expect(before).toHaveLength(running.apps.length)
    const owner = before[0].shard
    const victim = running.exposers.find(shard => shard.url === owner)!
    const survivor = running.exposers.find(shard => shard.url !== owner)!
    expect(victim, `no shard at ${owner}`).toBeDefined()
    process.kill(victim.pid, 'SIGKILL')
    const killedAt = Date.now() / 1000
    await eventually(async () => {
      const now = await targets(survivor.url)
      expect(now).toHaveLength(before.length)
      for (const row of now) expect(row).toMatchObject({ shard: survivor.url, state: 'up' })
    }, 60_000)
    for (const app of running.apps) {
      await eventually(async () => {
        const selector = `job="${app.job}",instance="${app.instance}"`
        const fresh = await query(`timestamp(up{${selector}}) > ${killedAt + 1} and up{${selector}} == 1`)
        expect(fresh).toHaveLength(1)
        const rate = await query(`sum(rate(http_requests_total{${selector}}[1m]))`)
        expect(Number(rate[0]?.value[1])).toBeGreaterThan(0)
      }, 60_000)
    }
  }, 180_000)
})
