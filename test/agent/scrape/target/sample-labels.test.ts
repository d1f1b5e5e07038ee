import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recordLabels, storedLabelsSteps } from '../../../../agent/scrape/target/sample-labels.js'
import { runNow } from '../../../../shared/base/steps.js'
import type { Label } from '../../../../shared/metrics/model.js'
import { relabelConfigs, rulesOf } from '../../../../shared/metrics/relabel/schema.js'

const value = fc.constantFrom('', 'x', 'y')
const target = fc
  .record({ instance: fc.constantFrom('x', 'y'), job: fc.constantFrom('x', 'y') })
  .map(labels => Object.entries(labels).map(([name, value]): Label => ({ name, value })))
const own = fc
  .dictionary(
    fc.constantFrom('instance', 'job', 'exported_job', 'exported_exported_job', 'other'),
    value,
  )
  .map(labels => new Map(Object.entries({ __name__: 'a', ...labels })))
const rules = fc
  .array(
    fc.oneof(
      fc.record({
        target_label: fc.constantFrom('job', 'instance', 'other', 'exported_job'),
        replacement: fc.constantFrom('x', 'z', ''),
      }),
      fc.record({
        regex: fc.constantFrom('job', 'instance', 'other', 'exported_.*'),
        action: fc.constant('labeldrop'),
      }),
    ),
    { maxLength: 3 },
  )
  .map(configs =>
    rulesOf(relabelConfigs.parse(configs), 'utf8', (_, key, problem) => {
      throw new Error(`${key}: ${problem}`)
    }),
  )

/** What a Prometheus stores that scrapes the virtual target. */
function scraped(
  labels: readonly Label[],
  target: readonly Label[],
  honorLabels: boolean,
): Record<string, string> {
  const page = new Map([
    ['__name__', 'a'],
    ...labels.map(({ name, value }) => [name, value] as const),
  ])
  return Object.fromEntries(runNow(storedLabelsSteps(page, target, honorLabels, []))!)
}

describe('the labels of a series in a record', () => {
  test('lead to what Prometheus stores of the page, if it honours labels', () => {
    fc.assert(
      fc.property(own, target, fc.boolean(), rules, (own, target, honor, rules) => {
        const stored = runNow(storedLabelsSteps(own, target, honor, rules))!
        const { labels } = recordLabels(stored, target)
        expect(scraped(labels, target, true)).toEqual(Object.fromEntries(stored))
      }),
    )
  })

  test('lead to it in any case, if none differs from the target', () => {
    fc.assert(
      fc.property(own, target, fc.boolean(), rules, (own, target, honor, rules) => {
        const stored = runNow(storedLabelsSteps(own, target, honor, rules))!
        const { labels, overrides } = recordLabels(stored, target)
        fc.pre(!overrides)
        expect(scraped(labels, target, false)).toEqual(Object.fromEntries(stored))
      }),
    )
  })
})
