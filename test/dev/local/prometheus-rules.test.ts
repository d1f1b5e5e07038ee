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
const GATEWAY_CONFIG = 'gateway.yml'
/**
 * Scrape jobs of applications: virtual targets, massive targets, and massive targets in the view
 * all.
 */
const APP_JOBS = ['kafka', 'kafka-massive', 'kafka-all']

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
const rulesOf = (file: string) =>
  z
    .strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })) })
    .parse(parse(read(file)))
    .groups.flatMap(({ rules }) => rules)
const shardAlerts = rulesOf('alerts.yml')
const gatewayAlerts = rulesOf('gateway-alerts.yml')
const remoteWriteAlerts = rulesOf('remote-write-alerts.yml')
const agentAlerts = rulesOf('agent-alerts.yml')
const alerts = [...shardAlerts, ...remoteWriteAlerts, ...gatewayAlerts, ...agentAlerts]
const RULE_FILES = [
  { file: 'alerts.yml', tests: 'alerts.test.yml', rules: shardAlerts },
  {
    file: 'remote-write-alerts.yml',
    tests: 'remote-write-alerts.test.yml',
    rules: remoteWriteAlerts,
  },
  { file: 'gateway-alerts.yml', tests: 'gateway-alerts.test.yml', rules: gatewayAlerts },
  { file: 'agent-alerts.yml', tests: 'agent-alerts.test.yml', rules: agentAlerts },
]

interface Expectation {
  readonly expr: string
  readonly exp_samples: readonly { readonly labels: string }[]
}
const expectations = RULE_FILES.flatMap(
  ({ tests }) => parse(read(tests)).tests as { promql_expr_test: Expectation[] }[],
).flatMap(({ promql_expr_test }) => promql_expr_test)
const expected = (name: string) => expectations.filter(({ expr }) => expr.includes(`"${name}"`))

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
  return { status, output: stdout + stderr }
}

describe.skipIf(path === null)('promtool', () => {
  test.each([...SCRAPE_CONFIGS, GATEWAY_CONFIG])(
    'accepts the configuration %s without a warning',
    file => {
      const { status, output } = promtool('check', 'config', '--lint=all', '--lint-fatal', file)
      expect(status, output).toBe(0)
      expect(output).not.toMatch(/warn/i)
    },
  )

  test.each(RULE_FILES)('accepts $file without a warning', ({ file, rules }) => {
    const { status, output } = promtool('check', 'rules', '--lint=all', '--lint-fatal', file)
    expect(status, output).toBe(0)
    expect(output).toContain(`${rules.length} rules found`)
  })

  test.each(RULE_FILES)('passes the unit tests of $file', ({ tests }) => {
    const { status, output } = promtool('test', 'rules', tests)
    expect(status, output).toBe(0)
  })
})

describe('the alerts', () => {
  test.each(alerts)(
    '$alert has a unit test in which it fires and one in which it does not',
    ({ alert: name }) => {
      const tests = expected(name)
      expect(
        tests.filter(({ exp_samples }) => exp_samples.length > 0).length,
        'fires',
      ).toBeGreaterThan(0)
      expect(
        tests.filter(({ exp_samples }) => exp_samples.length === 0).length,
        'does not',
      ).toBeGreaterThan(0)
    },
  )

  test.each(alerts)(
    '$alert uses only its own labels in its annotations',
    ({ alert: name, annotations }) => {
      const text = annotations.summary + annotations.description
      const fired = expected(name).flatMap(({ exp_samples }) => exp_samples)
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) {
        for (const { labels } of fired) expect(labels).toMatch(new RegExp(`\\b${label}="`))
      }
    },
  )

  test('are all in docs/prometheus.md, with their severity and `for`', () => {
    const rows = read('../../docs/prometheus.md').split('\n')
    for (const one of alerts) {
      const [, , , after, severity] =
        rows.find(row => row.startsWith(`| \`${one.alert}\``))?.split('|') ?? []
      expect(after?.trim().replace(' ', ''), one.alert).toBe(one.for ?? '')
      const mutes = one.labels.mutes ? ', mutes targets' : ''
      expect(severity?.trim(), one.alert).toBe(one.labels.severity + mutes)
    }
    for (const page of ['docs/prometheus.md', 'docs/metrics.md']) {
      const named = read(`../../${page}`).match(/\bKafka(Agent|Exposer|Gateway|Target)[A-Z]\w+/g)!
      expect([...new Set(named)].filter(name => !alerts.some(one => one.alert === name))).toEqual(
        [],
      )
    }
  })

  test('query existing metrics of a shard, which are all in docs/metrics.md', async () => {
    const shard = await HandFed.start()
    try {
      const text = await (await shard.get('/telemetry')).text()
      const queried = shardAlerts.flatMap(({ expr }) => expr.match(/\bexposer_[a-z_]+/g) ?? [])
      expect(queried.length).toBeGreaterThan(5)
      // A shard has the metrics of the web configuration only with --web.config.file.
      const missing = queried.filter(
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

test('the alerts about remote write query metrics that are in docs/metrics.md', () => {
  const page = read('../../docs/metrics.md')
  const queried = remoteWriteAlerts.flatMap(({ expr }) => expr.match(/\bexposer_[a-z_]+/g) ?? [])
  expect(new Set(queried).size).toBeGreaterThan(4)
  expect(queried.filter(name => !page.includes(`${name}{`))).toEqual([])
})

test('the alerts about gateways query metrics that are in docs/metrics.md', () => {
  const page = read('../../docs/metrics.md')
  const queried = gatewayAlerts.flatMap(({ expr }) => expr.match(/\bgateway_[a-z_]+/g) ?? [])
  expect(queried.length).toBeGreaterThan(10)
  expect(queried.filter(name => !page.includes(`\`${name}\``))).toEqual([])
})

test('the alerts about agents query metrics that are in docs/metrics.md', () => {
  const page = read('../../docs/metrics.md')
  const queried = agentAlerts.flatMap(({ expr }) => expr.match(/\bagent_[a-z_]+/g) ?? [])
  expect(queried.length).toBeGreaterThan(5)
  expect(queried.filter(name => !page.includes(`\`${name}`))).toEqual([])
})

describe('the configurations', () => {
  test('and the other tested files are all files of the folder', () => {
    const rules = RULE_FILES.flatMap(({ file, tests }) => [file, tests])
    const others = [GATEWAY_CONFIG, 'alertmanager.yml', ...rules]
    expect(readdirSync(folder).sort()).toEqual([...SCRAPE_CONFIGS, ...others].sort())
  })

  test.each(configs)(
    '$file has one scrape job for applications, and the jobs and rule files of the alerts',
    ({ file, config }) => {
      const jobs = config.scrape_configs.map(({ job_name }) => job_name)
      expect(jobs.filter(name => APP_JOBS.includes(name))).toHaveLength(1)
      expect(jobs).toEqual(expect.arrayContaining(['kafka-exposer', 'prometheus']))
      const hasGateway = file === 'prometheus.yml'
      expect(jobs.includes('kafka-exposer-gateway')).toBe(hasGateway)
      expect(config.rule_files).toEqual([
        'alerts.yml',
        ...(hasGateway
          ? ['remote-write-alerts.yml', 'gateway-alerts.yml', 'agent-alerts.yml']
          : []),
      ])
    },
  )

  test.each(configs)('$file scrapes /metrics and /telemetry of the same shards', ({ config }) => {
    const shardsOf = (names: readonly string[]) =>
      config.scrape_configs
        .filter(({ job_name, static_configs }) => names.includes(job_name) && static_configs)
        .map(({ static_configs }) => static_configs!.flatMap(({ targets }) => targets))
    const [telemetry] = shardsOf(['kafka-exposer'])
    expect(telemetry.length).toBeGreaterThan(1)
    for (const massive of shardsOf(APP_JOBS)) expect(massive).toEqual(telemetry)
  })
})

describe('the example for Alertmanager', () => {
  const { inhibit_rules } = parse(read('alertmanager.yml')) as {
    inhibit_rules: { source_matchers: string[]; target_matchers: string[]; equal: string[] }[]
  }

  test('has only existing alerts as sources and targets of inhibition', () => {
    const names = alerts.map(({ alert: name }) => name)
    const matchers = inhibit_rules.flatMap(rule => [
      ...rule.source_matchers,
      ...rule.target_matchers,
    ])
    for (const matcher of matchers) {
      const [, label, value] = /^(\w+)=~?"(.*)"$/.exec(matcher)!
      if (label === 'alertname') expect(names).toEqual(expect.arrayContaining(value.split('|')))
      else expect(alerts.filter(one => label in one.labels).length, matcher).toBeGreaterThan(0)
    }
  })

  test('inhibits by labels that every configuration adds to its alerts', () => {
    for (const { equal } of inhibit_rules) {
      expect(equal.length).toBeGreaterThan(0)
      for (const { config } of configs)
        expect(config.global.external_labels).toMatchObject(
          Object.fromEntries(equal.map(label => [label, expect.any(String)])),
        )
    }
  })

  test('does not inhibit alerts of applications for a single shard that is down', () => {
    expect(alerts.filter(one => one.labels.mutes).map(({ alert: name }) => name)).toEqual([
      'KafkaExposerAllDown',
      'KafkaExposerPartitionUnserved',
      'KafkaExposerTargetsNotJudged',
    ])
  })
})
