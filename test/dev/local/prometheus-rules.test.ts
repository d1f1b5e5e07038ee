import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { HandFed } from '../../exposer/hand-fed.js'
import { partOrSkip } from '../../support/or-skip.js'

const folder = fileURLToPath(new URL('../../../deploy/prometheus/', import.meta.url))
const read = (file: string) => readFileSync(folder + file, 'utf8')

const SCRAPE_CONFIGS = ['virtual-targets.yml', 'massive.yml', 'all.yml', 'prometheus.yml'] as const
const WAYS = ['kafka', 'kafka-massive', 'kafka-all']

const alert = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({
    severity: z.enum(['critical', 'warning']),
    mutes: z.literal('targets').optional(),
  }),
  annotations: z.strictObject({ summary: z.string().max(120), description: z.string().min(60) }),
})
const alerts = z
  .strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })) })
  .parse(parse(read('alerts.yml')))
  .groups.flatMap(({ rules }) => rules)

interface Expectation {
  readonly expr: string
  readonly exp_samples: readonly { readonly labels: string }[]
}
const expectations = (parse(read('alerts.test.yml')).tests as { promql_expr_test: Expectation[] }[]).flatMap(
  ({ promql_expr_test }) => promql_expr_test,
)
const expected = (name: string) => expectations.filter(({ expr }) => expr.includes(`${name}`))

interface Job {
  readonly job_name: string
  readonly static_configs?: readonly { readonly targets: readonly string[] }[]
}
interface Config {
  readonly rule_files: readonly string[]
  readonly global: { readonly external_labels: Readonly<Record<string, string>> }
  readonly scrape_configs: readonly Job[]
}
const configs = SCRAPE_CONFIGS.map(file => ({ file, config: parse(read(file)) as Config }))

const path = await partOrSkip('promtool')
const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(path!, args, { cwd: folder, encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

describe.skipIf(path === null)('promtool', () => {
  test.each(SCRAPE_CONFIGS)('takes the configuration %s, without a warning', file => {
    const { status, said } = promtool('check', 'config', '--lint=all', '--lint-fatal', file)
    expect(status, said).toBe(0)
    expect(said).not.toMatch(/warn/i)
  })

  test('takes the alerts, without a warning', () => {
    const { status, said } = promtool('check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yml')
    expect(status, said).toBe(0)
    expect(said).toContain(`${alerts.length} rules found`)
  })

  test('finds that every alert fires when it should, and not when it should not', () => {
    const { status, said } = promtool('test', 'rules', 'alerts.test.yml')
    expect(status, said).toBe(0)
  })
})

describe('the alerts', () => {
  test.each(alerts)('$alert is tried both when it fires and when it does not', ({ alert: name }) => {
    const tried = expected(name)
    expect(tried.filter(({ exp_samples }) => exp_samples.length > 0).length, 'fires').toBeGreaterThan(0)
    expect(tried.filter(({ exp_samples }) => exp_samples.length === 0).length, 'does not').toBeGreaterThan(0)
  })

  test.each(alerts)('$alert names in its text only labels that it has', ({ alert: name, annotations }) => {
    const text = annotations.summary + annotations.description
    const fired = expected(name).flatMap(({ exp_samples }) => exp_samples)
    for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) {
      for (const { labels } of fired) expect(labels).toMatch(new RegExp(`\\b${label}="`))
    }
  })

  test('are all in the documentation, with their severity and how long they wait', () => {
    const rows = read('../../docs/prometheus.md').split('\n')
    for (const one of alerts) {
      const [, , , after, severity] = rows.find(row => row.startsWith(`| \`${one.alert}\``))?.split('|') ?? []
      expect(after?.trim().replace(' ', ''), one.alert).toBe(one.for ?? '')
      const mutes = one.labels.mutes ? ', mutes targets' : ''
      expect(severity?.trim(), one.alert).toBe(one.labels.severity + mutes)
    }
    for (const page of ['docs/prometheus.md', 'docs/metrics.md']) {
      const named = read(`../../${page}`).match(/\bKafka(Exposer|Target)[A-Z]\w+/g)!
      expect([...new Set(named)].filter(name => !alerts.some(one => one.alert === name))).toEqual([])
    }
  })

  test('ask for metrics that a shard has, and docs/metrics.md has all of these', async () => {
    const shard = await HandFed.start()
    try {
      const text = await (await shard.get('/telemetry')).text()
      const asked = alerts.flatMap(({ expr }) => expr.match(/\bexposer_[a-z_]+/g) ?? [])
      expect(asked.length).toBeGreaterThan(5)
      // Those of the web configuration are there with one.
      const missing = asked.filter(
        name => !name.startsWith('exposer_web_config') && !text.includes(`# TYPE ${name} `),
      )
      expect(missing).toEqual([])
      const names = [...text.matchAll(/^# TYPE (exposer_\w+)/gm)].map(([, name]) => name)
      expect(names.length).toBeGreaterThan(20)
      const page = read('../../docs/metrics.md')
      expect(names.filter(name => !page.includes(name))).toEqual([])
    } finally {
      await shard.stop()
    }
  })
})

describe('the configurations', () => {
  test('are these, and no file of the folder is left out', () => {
    const others = ['alerts.yml', 'alerts.test.yml', 'alertmanager.yml']
    expect(readdirSync(folder).sort()).toEqual([...SCRAPE_CONFIGS, ...others].sort())
  })

  test.each(configs)(
    '$file reads applications in one way only, and has what the alerts ask for',
    ({ config }) => {
      const jobs = config.scrape_configs.map(({ job_name }) => job_name)
      expect(jobs.filter(name => WAYS.includes(name))).toHaveLength(1)
      expect(jobs).toEqual(expect.arrayContaining(['kafka-exposer', 'prometheus']))
      expect(config.rule_files).toEqual(['alerts.yml'])
    },
  )

  test.each(configs)('$file reads /metrics and /telemetry of the same shards', ({ config }) => {
    const shardsOf = (names: readonly string[]) =>
      config.scrape_configs
        .filter(({ job_name, static_configs }) => names.includes(job_name) && static_configs)
        .map(({ static_configs }) => static_configs!.flatMap(({ targets }) => targets))
    const [telemetry] = shardsOf(['kafka-exposer'])
    expect(telemetry.length).toBeGreaterThan(1)
    for (const massive of shardsOf(WAYS)) expect(massive).toEqual(telemetry)
  })
})

describe('the example for Alertmanager', () => {
  const { inhibit_rules } = parse(read('alertmanager.yml')) as {
    inhibit_rules: { source_matchers: string[]; target_matchers: string[]; equal: string[] }[]
  }

  test('mutes alerts that exist, by alerts that exist', () => {
    const names = alerts.map(({ alert: name }) => name)
    const matchers = inhibit_rules.flatMap(rule => [...rule.source_matchers, ...rule.target_matchers])
    for (const matcher of matchers) {
      const [, label, value] = /^(\w+)=~?"(.*)"$/.exec(matcher)!
      if (label === 'alertname') expect(names).toEqual(expect.arrayContaining(value.split('|')))
      else expect(alerts.filter(one => label in one.labels).length, matcher).toBeGreaterThan(0)
    }
  })

  test('joins them by a label that every configuration gives to its alerts', () => {
    for (const { equal } of inhibit_rules) {
      expect(equal.length).toBeGreaterThan(0)
      for (const { config } of configs)
        expect(config.global.external_labels).toMatchObject(
          Object.fromEntries(equal.map(label => [label, expect.any(String)])),
        )
    }
  })

  test('a single shard that is down mutes no application', () => {
    expect(alerts.filter(one => one.labels.mutes).map(({ alert: name }) => name)).toEqual([
      'KafkaExposerAllDown',
      'KafkaExposerPartitionUnserved',
      'KafkaExposerTargetsNotJudged',
    ])
  })
})
