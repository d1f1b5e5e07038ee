/** The protocols of Prometheus's `scrape_protocols`, with their Accept headers. */
export const PROTOCOLS = {
  PrometheusProto:
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
} as const
export type Protocol = keyof typeof PROTOCOLS

export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as [Protocol, ...Protocol[]]

export const DEFAULT_PROTOCOLS: readonly Protocol[] = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
]

/** What names a target may send, by Prometheus's `metric_name_escaping_scheme`. */
export const ESCAPING_SCHEMES = ['allow-utf-8', 'underscores', 'dots', 'values'] as const
export type EscapingScheme = (typeof ESCAPING_SCHEMES)[number]

const NEGOTIATED: readonly Protocol[] = ['PrometheusText1.0.0', 'OpenMetricsText1.0.0']

/** The Accept header: protocols in order of preference, then anything. */
export function acceptHeader(protocols: readonly Protocol[], escaping: EscapingScheme): string {
  let weight = PROTOCOL_NAMES.length + 1
  const ranges = protocols.map(protocol => {
    const escapes = NEGOTIATED.includes(protocol) ? `;escaping=${escaping}` : ''
    return `${PROTOCOLS[protocol]}${escapes};q=0.${weight--}`
  })
  return [...ranges, `*/*;q=0.${weight}`].join(',')
}
