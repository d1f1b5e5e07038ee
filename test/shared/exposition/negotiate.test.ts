import { describe, expect, test } from 'vitest'
import { contentType } from '../../../shared/exposition/format.js'
import { negotiate } from '../../../shared/exposition/negotiate.js'

/**
 * Accept header of Prometheus 3.5 by default, and with `scrape_protocols: [PrometheusText1.0.0,
 * PrometheusText0.0.4]`.
 */
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const TEXT_ONLY =
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4'
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

describe('the negotiated format', () => {
  test.each([
    ['Prometheus 3', PROMETHEUS_3, 'openmetrics-1.0.0', 'allow-utf-8'],
    ['Prometheus 3 with text protocols', TEXT_ONLY, 'text-1.0.0', 'allow-utf-8'],
    ['Prometheus 2', PROMETHEUS_2, 'openmetrics-1.0.0', 'underscores'],
    ['a browser', BROWSER, 'text-0.0.4', 'underscores'],
    ['curl', '*/*', 'text-0.0.4', 'underscores'],
    ['no header', undefined, 'text-0.0.4', 'underscores'],
    ['an empty header', '', 'text-0.0.4', 'underscores'],
    ['nonsense', ';;q=,,=;text/plain;q=x', 'text-0.0.4', 'underscores'],
    [
      'protobuf, which is not supported',
      'application/vnd.google.protobuf;q=0.9,text/plain;version=1.0.0;q=0.1',
      'text-1.0.0',
      'allow-utf-8',
    ],
    [
      'a future OpenMetrics',
      'application/openmetrics-text;version=2.0.0,text/plain;q=0.1',
      'text-0.0.4',
      'underscores',
    ],
    [
      'the highest q-value in second place',
      'text/plain;q=0.1,application/openmetrics-text;q=0.2',
      'openmetrics-1.0.0',
      'underscores',
    ],
    [
      'a format with q=0',
      'application/openmetrics-text;q=0,text/plain;q=0.5',
      'text-0.0.4',
      'underscores',
    ],
    [
      'upper case and spaces',
      'TEXT/PLAIN ; Version="1.0.0" ; Escaping=underscores',
      'text-1.0.0',
      'underscores',
    ],
  ])('for %s', (_, accept, name, escaping) => {
    expect(negotiate(accept)).toEqual({ name, escaping })
  })

  test('is named in the content type', () => {
    expect(contentType(negotiate(PROMETHEUS_3))).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
    )
    expect(contentType(negotiate('*/*'))).toBe(
      'text/plain; version=0.0.4; charset=utf-8; escaping=underscores',
    )
  })
})

test('a header of many kilobytes is not parsed, and holds nothing up', () => {
  const accept = `application/openmetrics-text,${'a/b;q=0.5,'.repeat(2000)}`
  expect(negotiate(accept).name).toBe('text-0.0.4')
})
