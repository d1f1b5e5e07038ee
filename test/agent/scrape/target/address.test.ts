import { describe, expect, test } from 'vitest'
import { placeTargetSteps } from '../../../../agent/scrape/target/address.js'
import { runNow } from '../../../../shared/base/steps.js'
import { parseAgentFile } from '../../../support/agent-file.js'

/** What becomes of the first target of a job. */
function placed(fields: object, labels: Record<string, string> = {}, address = 'app:8080') {
  const text = JSON.stringify({ scrape_configs: [{ job_name: 'shop', ...fields }] })
  const [job] = parseAgentFile(text, '.', {}).jobs
  return runNow(placeTargetSteps(address, { targets: [address], labels, source: '0' }, job))
}
const target = (...args: Parameters<typeof placed>) => {
  const result = placed(...args)
  if (result.kind !== 'target') throw new Error(JSON.stringify(result))
  const { labels, url, intervalMs, timeoutMs } = result.target
  return {
    labels: Object.fromEntries(labels.map(({ name, value }) => [name, value])),
    url: url.href,
    intervalMs,
    timeoutMs,
  }
}
const replace = (target_label: string, replacement: string) => ({ target_label, replacement })

describe('a target', () => {
  test('has job, instance, URL, interval and timeout of its job', () => {
    expect(target({ scrape_interval: '30s' }, { env: 'a', __meta_x: 'y', empty: '' })).toEqual({
      labels: { env: 'a', instance: 'app:8080', job: 'shop' },
      url: 'http://app:8080/metrics',
      intervalMs: 30_000,
      timeoutMs: 10_000,
    })
  })

  test('labels of the group have precedence over the job', () => {
    expect(
      target(
        { metrics_path: '/m', params: { a: ['1', '2'], b: ['3'] } },
        {
          job: 'other',
          instance: 'one',
          __scheme__: 'https',
          __metrics_path__: '/own',
          __scrape_interval__: '5s',
          __scrape_timeout__: '1s',
          __param_a: 'x',
        },
      ),
    ).toEqual({
      labels: { instance: 'one', job: 'other' },
      url: 'https://app:8080/own?a=x&a=2&b=3',
      intervalMs: 5000,
      timeoutMs: 1000,
    })
  })

  test('relabelling sees discovered labels, and may set all of them', () => {
    const relabel_configs = [
      { source_labels: ['__meta_pod'], target_label: 'pod' },
      { source_labels: ['__address__'], regex: '([^:]+):.*', ...replace('__address__', '$1:9100') },
      { source_labels: ['__address__'], target_label: '__tmp_x' },
      replace('__param_module', 'http'),
      replace('__scrape_interval__', '2s'),
      replace('__scrape_timeout__', '1s'),
      { source_labels: ['job'], ...replace('job', '$1-x') },
    ]
    expect(target({ relabel_configs }, { __meta_pod: 'p' })).toEqual({
      labels: { instance: 'app:9100', job: 'shop-x', pod: 'p' },
      url: 'http://app:9100/metrics?module=http',
      intervalMs: 2000,
      timeoutMs: 1000,
    })
  })

  test('the path is escaped as in Prometheus', () => {
    expect(target({ metrics_path: '/a b?x=%41' }).url).toBe('http://app:8080/a%20b%3Fx=%2541')
    expect(target({}, {}, '[::1]:80').url).toBe('http://[::1]/metrics')
  })

  test('that a rule drops is dropped, with what was discovered', () => {
    const relabel_configs = [{ source_labels: ['__meta_pod'], regex: 'p', action: 'drop' }]
    expect(placed({ relabel_configs }, { __meta_pod: 'p' })).toEqual({
      kind: 'dropped',
      discovered: {
        __address__: 'app:8080',
        __meta_pod: 'p',
        __metrics_path__: '/metrics',
        __scheme__: 'http',
        __scrape_interval__: '1m',
        __scrape_timeout__: '10s',
        job: 'shop',
      },
    })
  })

  test.each([
    [replace('__address__', ''), 'no address'],
    [replace('__address__', 'a/b'), '"a/b" is not a valid hostname'],
    [
      replace('__scrape_interval__', 'x'),
      'error parsing scrape interval: not a valid duration string: "x"',
    ],
    [replace('__scrape_interval__', '0s'), 'scrape interval cannot be 0'],
    [replace('__scrape_timeout__', '0'), 'scrape timeout cannot be 0'],
    [
      replace('__scrape_timeout__', '2m'),
      'scrape timeout cannot be greater than scrape interval ("2m" > "1m")',
    ],
    [replace('__scheme__', 'ftp'), 'the scheme "ftp" is not http or https'],
    [replace('__address__', 'a b'), '"http://a b" is not a valid URL'],
  ])('%j makes it invalid', (rule, reason) => {
    expect(placed({ relabel_configs: [rule] })).toEqual({ kind: 'invalid', reason })
  })
})
