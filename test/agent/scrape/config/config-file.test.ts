// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of replacements and of external labels
import { describe, expect, test } from 'vitest'
import type { AgentFile } from '../../../../agent/scrape/config/config-file.js'
import type { ScrapeJob } from '../../../../agent/scrape/config/job.js'
import { ScrapeConfigError } from '../../../../agent/scrape/config/problem.js'
import { parseAgentFile } from '../../../support/agent-file.js'

const parse = (text: string, environment: Record<string, string> = {}): AgentFile =>
  parseAgentFile(text, '/etc/agent', environment)
const problemsOf = (text: string): readonly string[] => {
  try {
    parse(text)
    return []
  } catch (error) {
    if (error instanceof ScrapeConfigError) return error.problems
    throw error
  }
}
/** The job of a file with one scrape configuration. */
const job = (fields: string, global = ''): ScrapeJob =>
  parse(`${global && `global: {${global}}\n`}scrape_configs: [{job_name: a, ${fields}}]`).jobs[0]

describe('a configuration file', () => {
  test('may be empty', () => {
    expect(parse('')).toMatchObject({ jobs: [], externalLabels: {}, remoteWrite: [], warnings: [] })
    expect(parse('global:\nscrape_configs:\n').jobs).toEqual([])
  })

  test('has the defaults of Prometheus', () => {
    expect(job('static_configs: [{targets: ["x:1"]}]')).toMatchObject({
      intervalMs: 60_000,
      timeoutMs: 10_000,
      metricsPath: '/metrics',
      scheme: 'http',
      honorLabels: false,
      honorTimestamps: true,
      compression: true,
      protocols: [
        'OpenMetricsText1.0.0',
        'OpenMetricsText0.0.1',
        'PrometheusText1.0.0',
        'PrometheusText0.0.4',
      ],
      names: 'utf8',
      escaping: 'allow-utf-8',
      limits: { body: 0, samples: 0, labels: 0, labelNameBytes: 0, labelValueBytes: 0 },
      groups: [{ targets: ['x:1'], labels: {}, source: '0' }],
    })
  })

  test('global has the defaults of all jobs', () => {
    const global =
      'scrape_interval: 5s, sample_limit: 7, body_size_limit: 1MB, scrape_protocols: [PrometheusProto]'
    expect(job('sample_limit: 8', global)).toMatchObject({
      intervalMs: 5000,
      // The default of 10 s is longer than the interval.
      timeoutMs: 5000,
      limits: { samples: 8, body: 1_048_576 },
      protocols: ['PrometheusProto'],
    })
  })

  test('native histograms are asked for first', () => {
    expect(job('scrape_native_histograms: true').protocols[0]).toBe('PrometheusProto')
  })

  test('legacy names ask for escaping', () => {
    expect(job('metric_name_validation_scheme: legacy').escaping).toBe('underscores')
    expect(job('', 'metric_name_validation_scheme: legacy').escaping).toBe('underscores')
    expect(
      problemsOf(
        'scrape_configs: [{job_name: a, metric_name_validation_scheme: legacy, metric_name_escaping_scheme: allow-utf-8}]',
      ),
    ).toEqual([
      'scrape_configs[0].metric_name_escaping_scheme: utf8 metric names requested but validation scheme is not set to UTF8',
    ])
  })

  test('texts are as written, whatever YAML takes them for', () => {
    const { groups, relabelRules, params } = job(
      'params: {v: [1.0, on]}, static_configs: [{targets: [x], labels: {version: 1.10, canary: true, at: 0x10}}], relabel_configs: [{target_label: port, replacement: 8080}]',
    )
    expect(groups[0].labels).toEqual({ version: '1.10', canary: 'true', at: '0x10' })
    expect(params).toEqual({ v: ['1.0', 'on'] })
    expect(relabelRules[0].replacement).toBe('8080')
    expect(job('honor_labels: yes, honor_timestamps: off')).toMatchObject({
      honorLabels: true,
      honorTimestamps: false,
    })
  })

  test('external labels are expanded with the environment', () => {
    const { externalLabels, warnings } = parse(
      'global: {external_labels: {a: "$A", b: "${B}-x$$", c: "$MISSING", d: 1}}',
      { A: 'one', B: 'two' },
    )
    expect(externalLabels).toEqual({ a: 'one', b: 'two-x$', c: '', d: '1' })
    expect(warnings).toEqual(['global.external_labels: the environment variable MISSING is empty'])
  })

  test('remote_write is kept for its sender', () => {
    expect(
      parse('remote_write: [{url: "http://x/write", queue_config: {capacity: 5}}]').remoteWrite,
    ).toEqual([{ url: 'http://x/write', queue_config: { capacity: 5 } }])
    expect(problemsOf('remote_write: {url: x}')).toEqual(['remote_write: has to be a list'])
  })

  test('what has no effect is told', () => {
    const { warnings } = parse(
      'storage: {tsdb: {out_of_order_time_window: 1h}}\ntracing: {endpoint: x}\nscrape_configs: [{job_name: a, convert_classic_histograms_to_nhcb: true, scrape_failure_log_file: x, extra_scrape_metrics: true}]',
    )
    expect(warnings.map(text => text.split(':')[0])).toEqual([
      'storage',
      'tracing',
      'scrape_configs[0].convert_classic_histograms_to_nhcb',
      'scrape_configs[0].scrape_failure_log_file',
      'scrape_configs[0].extra_scrape_metrics',
    ])
  })

  test('sections of a server are refused unless they are empty', () => {
    expect(
      problemsOf('rule_files: [a]\nalerting: {alertmanagers: [{}]}\nremote_read: [{}]'),
    ).toEqual([
      'alerting: field alerting is not allowed in agent mode',
      'rule_files: field rule_files is not allowed in agent mode',
      'remote_read: field remote_read is not allowed in agent mode',
    ])
    expect(problemsOf('rule_files: []\nalerting:\nremote_read: []')).toEqual([])
  })

  test.each([
    ['scrape_config: []', ['scrape_config: unknown key']],
    ['global: {interval: 1s}', ['global.interval: unknown key']],
    [
      'scrape_configs: [{job_name: a, tls_config: {ca: x, foo: y}, relabel_configs: [{actoin: keep}]}]',
      [
        'scrape_configs[0].tls_config.foo: unknown key',
        'scrape_configs[0].relabel_configs[0].actoin: unknown key',
      ],
    ],
    [
      'scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: pod}]}]',
      [
        'scrape_configs[0].kubernetes_sd_configs: is not supported: use static_configs, file_sd_configs or http_sd_configs',
      ],
    ],
    ['scrape_configs: [{}]', ['scrape_configs[0].job_name: job_name is empty']],
    [
      'scrape_configs: [{job_name: a}, {job_name: a}]',
      ['scrape_configs[1].job_name: found multiple scrape configs with job name "a"'],
    ],
    [
      'scrape_configs: [{job_name: a, scrape_timeout: 2m}]',
      [
        'scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval for scrape config with job name "a" (2m > 1m)',
      ],
    ],
    [
      'global: {scrape_timeout: 2m}',
      ['global.scrape_timeout: global scrape timeout greater than scrape interval'],
    ],
    [
      'global: {scrape_interval: 15}',
      ['global.scrape_interval: not a valid duration string: "15"; write it as 15s, 2m or 1h30m'],
    ],
    [
      'scrape_configs: [{job_name: a, static_configs: [{targets: ["http://x/m"]}]}]',
      [
        'scrape_configs[0].static_configs[0].targets[0]: "http://x/m" is not a valid hostname: write it as host:port',
      ],
    ],
    [
      'scrape_configs: [{job_name: a, relabel_configs: [{action: keep, regex: "(?!x)"}]}]',
      [
        'scrape_configs[0].relabel_configs[0].regex: error parsing regexp: invalid or unsupported Perl syntax: `(?!x`',
      ],
    ],
    [
      'scrape_configs: [{job_name: a, scrape_protocols: [PrometheusProto, PrometheusProto]}]',
      ['scrape_configs[0].scrape_protocols: duplicated protocol in scrape_protocols'],
    ],
    [
      'scrape_configs: [{job_name: a, scrape_protocols: []}]',
      ['scrape_configs[0].scrape_protocols: scrape_protocols cannot be empty'],
    ],
    [
      'scrape_configs: [{job_name: a, bearer_token: x, basic_auth: {}}]',
      [
        'scrape_configs[0]: at most one of basic_auth, authorization, oauth2, bearer_token & bearer_token_file must be configured',
      ],
    ],
    [
      'scrape_configs: [{job_name: a, file_sd_configs: [{files: [targets.txt]}]}]',
      [
        'scrape_configs[0].file_sd_configs[0].files[0]: path name "targets.txt" is not valid for file discovery',
      ],
    ],
    [
      'scrape_configs: [{job_name: a, http_sd_configs: [{url: "ftp://x"}]}]',
      [`scrape_configs[0].http_sd_configs[0].url: URL scheme must be 'http' or 'https'`],
    ],
    [
      'global: {external_labels: {"": x}}',
      ['global.external_labels: "" is not a valid label name'],
    ],
    ['a: 1\na: 2', ['Map keys must be unique at line 2, column 1']],
  ])('%s is refused', (text, problems) => {
    expect(problemsOf(text)).toEqual(problems)
  })
})
