import type { Pipeline } from './pipeline.js'

/** URLs and process ids as one line of JSON, for scripts. */
export function asJson({ front, kafka, shards, apps, prometheus }: Pipeline): string {
  return JSON.stringify({
    url: front.url,
    kafka: { brokers: kafka.brokers, pid: kafka.pid },
    exposers: shards.map(({ url, child }) => ({ url, pid: child.pid })),
    apps: apps.map(({ url, child, job, instance }) => ({ url, pid: child.pid, job, instance })),
    prometheus: prometheus && { url: prometheus.url, pid: prometheus.pid },
  })
}

const QUERY = 'sum by (job) (rate(http_requests_total[1m]))'

/** URLs, an example and how to stop, for people. */
export function asText(pipeline: Pipeline, stop: string): string {
  const { front, kafka, shards, apps, prometheus } = pipeline
  const { job, instance } = apps[0]
  const graph =
    prometheus && `${prometheus.url}/query?g0.expr=${encodeURIComponent(QUERY)}&g0.tab=0`
  const rows: [string, string][] = [
    [
      'Targets',
      `${front.url}   state, age and playout delay of each app, at the one stable address`,
    ],
    ['Shards', shards.map(shard => shard.url).join('   ')],
    ['Apps', apps.map(app => `${app.url}/metrics (${app.job})`).join('   ')],
    ['Kafka', kafka.brokers.join(', ')],
    ['Prometheus', prometheus ? prometheus.url : pipeline.prometheusProblem],
    ['', ''],
    ['Try', `curl -L '${front.url}/target?job=${job}&instance=${instance}'`],
    ...(graph ? [['Query', QUERY] as [string, string], ['', graph] as [string, string]] : []),
    ['Stop', stop],
  ]
  const lines = rows.map(([label, text]) => `  ${label.padEnd(10)}  ${text}`.trimEnd())
  return [
    '',
    `The pipeline is up: three apps → Kafka → two exposer shards${prometheus ? ' → Prometheus' : ''}`,
    '',
    ...lines,
    '',
    '',
  ].join('\n')
}
