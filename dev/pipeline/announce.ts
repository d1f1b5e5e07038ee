import type { Pipeline } from './pipeline.js'

/** What a script needs to know, as one line of JSON. */
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

/** What a person needs to know: where things are, something to try, how to stop. */
export function asText(pipeline: Pipeline, ends: string): string {
  const { front, kafka, shards, apps, prometheus } = pipeline
  const { job, instance } = apps[0]
  const graph = prometheus && `${prometheus.url}/query?g0.expr=${encodeURIComponent(QUERY)}&g0.tab=0`
  const rows: [string, string][] = [
    ['Targets', `${front.url}   state, age and delay of every app, at the one stable address`],
    ['Shards', shards.map(shard => shard.url).join('   ')],
    ['Apps', apps.map(app => `${app.url}/metrics (${app.job})`).join('   ')],
    ['Kafka', kafka.brokers.join(', ')],
    ['Prometheus', prometheus ? prometheus.url : `none. ${pipeline.prometheusProblem}`],
    ['', ''],
    ['Try', `curl -L '${front.url}/target?job=${job}&instance=${instance}'`],
    ...(graph ? [['Query', QUERY] as [string, string], ['', graph] as [string, string]] : []),
    ['Stop', ends],
  ]
  const lines = rows.map(([what, text]) => `  ${what.padEnd(10)}  ${text}`.trimEnd())
  return [
    '',
    `The pipeline runs: three apps → Kafka → two exposer shards${prometheus ? ' → Prometheus' : ''}`,
    '',
    ...lines,
    '',
    '',
  ].join('\n')
}
