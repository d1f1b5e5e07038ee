import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  escapeHelp,
  escapeValue,
  isLegacyLabelName,
  isLegacyMetricName,
  LABEL_CHARACTER,
  METRIC_CHARACTER,
  underscores,
} from '../../../shared/exposition/escape.js'
import { parseExposition } from '../../support/strict-exposition.js'

const anyText = fc.string({
  unit: fc.constantFrom('a', '\\', '"', '\n', ',', '}', ' ', '€', '𝄞', '\u0001'),
})

test('every label value is read back unchanged', () => {
  fc.assert(
    fc.property(anyText, value => {
      const [family] = parseExposition(`# TYPE a gauge\na{b="${escapeValue(value)}"} 1\n`)
      expect(family.samples[0].labels.b).toBe(value)
    }),
  )
})

test('every help text is read back unchanged, in both formats', () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (help, openMetrics) => {
      const end = openMetrics ? '# EOF\n' : ''
      const [family] = parseExposition(`# HELP a ${escapeHelp(help, openMetrics)}\n${end}`)
      // In the text format, Prometheus reads a text of spaces as empty.
      expect(family.help).toBe(openMetrics || /[^ ]/.test(help) ? help : '')
    }),
  )
})

test('underscores replace invalid characters one by one and leave valid names unchanged', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), name => {
      const metric = underscores(name, METRIC_CHARACTER)
      expect(isLegacyMetricName(metric)).toBe(true)
      expect(metric).toHaveLength([...name].length)
      if (isLegacyMetricName(name)) expect(metric).toBe(name)
      expect(isLegacyLabelName(underscores(name, LABEL_CHARACTER))).toBe(true)
    }),
  )
})

test.each(['', '0a', 'a-b', 'a.b', 'é'])(
  '%j is not a legacy metric name, nor a legacy label name',
  name => {
    expect([isLegacyMetricName(name), isLegacyLabelName(name)]).toEqual([false, false])
  },
)

test('a colon is valid in a metric name, not in a label name', () => {
  expect([isLegacyMetricName('a:b'), isLegacyLabelName('a:b')]).toEqual([true, false])
})
