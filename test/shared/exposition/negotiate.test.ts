import { describe, expect, test } from 'vitest'
import { contentType } from '../../../shared/exposition/format.js'
import { negotiate } from '../../../shared/exposition/negotiate.js'

/** What Prometheus 3.5 sends by default, and with `scrape_protocols: [PrometheusText1.0.0, PrometheusText0.0.4]`. */
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const TEXT_ONLY =
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4'
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

describe('the format', () => {
  test.each([
    ['Prometheus 3', PROMETHEUS_3, 'openmetrics-1.0.0', 'allow-utf-8'],
    ['Prometheus 3 asking for text', TEXT_ONLY, 'text-1.0.0', 'allow-utf-8'],
    ['Prometheus 2', PROMETHEUS_2, 'openmetrics-1.0.0', 'underscores'],
    ['a browser', BROWSER, 'text-0.0.4', 'underscores'],
    ['curl', '*/*', 'text-0.0.4', 'underscores'],
    ['nothing', undefined, 'text-0.0.4', 'underscores'],
    ['an empty header', '', 'text-0.0.4', 'underscores'],
    ['nonsense', ';;q=,,=;text/plain;q=x', 'text-0.0.4', 'underscores'],
    [
      'a protobuf that is not served',
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
      'what it asks for most, not first',
      'text/plain;q=0.1,application/openmetrics-text;q=0.2',
      'openmetrics-1.0.0',
      'underscores',
    ],
    [
      'what is refused with q=0',
      'application/openmetrics-text;q=0,text/plain;q=0.5',
      'text-0.0.4',
      'underscores',
    ],
    [
      'capitals and spaces',
      'TEXT/PLAIN ; Version="1.0.0" ; Escaping=underscores',
      'text-1.0.0',
      'underscores',
    ],
  ])('that %s asks for', (_, accept, name, escaping) => {
    expect(negotiate(accept)).toEqual({ name, escaping })
  })

  test('is said in the answer', () => {
    expect(contentType(negotiate(PROMETHEUS_3))).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
    )
    expect(contentType(negotiate('*/*'))).toBe(
      'text/plain; version=0.0.4; charset=utf-8; escaping=underscores',
    )
  })
})
