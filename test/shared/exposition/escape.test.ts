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

const anyText = fc.string({ unit: fc.constantFrom('a', '\\', '"', '\n', ',', '}', ' ', '€', '𝄞', '\u0001') })

test('a label value of any text is read back as it was', () => {
  fc.assert(
    fc.property(anyText, value => {
      const [family] = parseExposition(`# TYPE a gauge\na{b="${escapeValue(value)}"} 1\n`)
      expect(family.samples[0].labels.b).toBe(value)
    }),
  )
})

test('a help text of any text is read back as it was, in both formats', () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (help, openMetrics) => {
      const end = openMetrics ? '# EOF\n' : ''
      const [family] = parseExposition(`# HELP a ${escapeHelp(help, openMetrics)}\n${end}`)
      // In text, Prometheus reads nothing but spaces as nothing.
      expect(family.help).toBe(openMetrics || /[^ ]/.test(help) ? help : '')
    }),
  )
})

test('underscores make any name legal, a character for a character, and leave legal ones alone', () => {
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

test.each(['', '0a', 'a-b', 'a.b', 'é'])('%j is neither a metric nor a label of old', name => {
  expect([isLegacyMetricName(name), isLegacyLabelName(name)]).toEqual([false, false])
})

test('a colon may be in the name of a metric, not of a label', () => {
  expect([isLegacyMetricName('a:b'), isLegacyLabelName('a:b')]).toEqual([true, false])
})
