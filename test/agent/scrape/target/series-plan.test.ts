import { describe, expect, test } from 'vitest'
import { planSeries } from '../../../../agent/scrape/target/series-plan.js'
import { runNow } from '../../../../shared/base/steps.js'
import { TextReader } from '../../../../shared/metrics/text/reader.js'
import { parseAgentFile } from '../../../support/agent-file.js'
import { LongestSteps } from '../../../support/longest-step.js'

const TARGET = [
  { name: 'instance', value: 'app:1' },
  { name: 'job', value: 'shop' },
]

function planned(page: string, fields: object = {}) {
  const text = JSON.stringify({ scrape_configs: [{ job_name: 'shop', ...fields }] })
  const [job] = parseAgentFile(text, '.', {}).jobs
  const { families, values } = new TextReader('scrape').read(Buffer.from(page))
  const plan = runNow(planSeries(families, TARGET, job))
  let at = 0
  const series = plan.families.flatMap(family =>
    family.series.map(({ suffix, labels }) => {
      const text = labels.map(({ name, value }) => `${name}=${value}`).join()
      const index = plan.sources ? plan.sources[at] : at
      at++
      return `${family.type} ${family.name}${suffix}{${text}} ${values[index]}`
    }),
  )
  return { ...plan, series, count: plan.series, isSame: plan.families === families }
}

describe('the series of a page', () => {
  test('with the longest labels are matched in short steps', () => {
    const names = Array.from({ length: 60 }, (_, i) => `x${i}`)
    const rules = [{ source_labels: names, regex: '.*b.*|.*c(a+)*', target_label: 'y' }]
    const text = { scrape_configs: [{ job_name: 'shop', metric_relabel_configs: rules }] }
    const [job] = parseAgentFile(JSON.stringify(text), '.', {}).jobs
    // A hostile target chooses the labels.
    const labels = names.map(name => `${name}="${'a'.repeat(4000)}"`).join()
    const { families } = new TextReader('scrape').read(Buffer.from(`a{${labels}} 1\n`))
    const steps = new LongestSteps()
    for (let i = 0; i < 3; i++) {
      steps.restart()
      expect(steps.run(planSeries(families, TARGET, job)).series).toBe(1)
    }
    expect(steps.ms, steps.longest).toBeLessThan(5)
  })

  test('are the same families without conflicts and rules', () => {
    expect(planned('a{x="1"} 1\nb 2\n')).toMatchObject({ isSame: true, sources: null, count: 2 })
  })

  test('with labels of the target are renamed, whatever Prometheus does with the virtual target', () => {
    const page = 'a{instance="i",exported_instance="e"} 1\na{job="shop",instance=""} 2\nb 3\n'
    expect(planned(page)).toMatchObject({
      series: [
        'unknown a{exported_exported_instance=i,exported_instance=e} 1',
        'unknown a{exported_job=shop} 2',
        'unknown b{} 3',
      ],
      overriding: 0,
    })
  })

  test('with honor_labels keep labels of the target, and an empty one stays empty', () => {
    const page = 'a{instance="i"} 1\na{instance="",job="shop"} 2\nb 3\n'
    expect(planned(page, { honor_labels: true })).toMatchObject({
      series: ['unknown a{instance=i} 1', 'unknown a{instance=} 2', 'unknown b{} 3'],
      overriding: 2,
    })
  })

  test('are relabelled with the labels of their target', () => {
    const metric_relabel_configs = [
      { source_labels: ['__name__'], regex: 'drop.*', action: 'drop' },
      { source_labels: ['job', 'path'], target_label: 'copy', separator: '/' },
    ]
    expect(planned('a{path="p"} 1\ndrop 2\nb 3\n', { metric_relabel_configs }).series).toEqual([
      'unknown a{copy=shop/p,path=p} 1',
      'unknown b{copy=shop/} 3',
    ])
  })

  test('get another job only where Prometheus honours labels', () => {
    const metric_relabel_configs = [
      { target_label: 'job', replacement: 'other' },
      { regex: 'instance', action: 'labeldrop' },
    ]
    expect(planned('a 1\n', { metric_relabel_configs })).toMatchObject({
      series: ['unknown a{instance=,job=other} 1'],
      overriding: 1,
    })
  })

  test('with another name move to the family of that name, or to one of their own', () => {
    const page =
      '# TYPE g gauge\ng{x="1"} 1\ng{x="2"} 2\n# TYPE c_total counter\nc_total 3\n# TYPE h histogram\nh_bucket{le="1"} 4\nh_sum 5\nh_count 6\n'
    const rename = (regex: string, replacement: string, name = '__name__;(.*)') => ({
      source_labels: ['__name__', 'x'],
      regex: name.replace('__name__', regex),
      target_label: '__name__',
      replacement,
    })
    const metric_relabel_configs = [
      rename('g', 'c_total', '__name__;2'),
      rename('h_(sum|bucket)', 'k_$1'),
      rename('g', 'size', '__name__;1'),
    ]
    expect(planned(page, { metric_relabel_configs }).series.sort()).toEqual([
      'counter c_total{x=2} 2',
      'counter c_total{} 3',
      'gauge size{x=1} 1',
      'histogram h_count{} 6',
      'unknown k_bucket{le=1} 4',
      'unknown k_sum{} 5',
    ])
  })

  test.each([
    [{ sample_limit: 2 }, 'sample limit exceeded'],
    [{ label_limit: 3 }, 'label_limit exceeded (metric: a, number of labels: 4, limit: 3)'],
    [
      { label_name_length_limit: 7 },
      'label_name_length_limit exceeded (metric: a, label name: __name__, length: 8, limit: 7)',
    ],
    [
      { label_value_length_limit: 9 },
      'label_value_length_limit exceeded (metric: a, label name: x, value: "0123456789", length: 10, limit: 9)',
    ],
    [{ metric_name_validation_scheme: 'legacy' }, 'invalid metric name or label names: größe'],
    [
      { metric_relabel_configs: [{ regex: '__name__', action: 'labeldrop' }] },
      'missing metric name (__name__ label)',
    ],
  ])('fail the scrape over a limit: %j', (fields, failure) => {
    const page = 'a{x="0123456789"} 1\nb 2\n{"größe"} 3\n'
    expect(planned(page, fields).failure).toBe(failure)
  })

  test('are counted against sample_limit after relabelling', () => {
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'b', action: 'drop' }]
    const fields = { sample_limit: 1, metric_relabel_configs }
    expect(planned('a 1\nb 2\n', fields)).toMatchObject({ failure: undefined, count: 1 })
  })
})
