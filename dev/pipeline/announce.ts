import type { Pipeline } from './pipeline.js'

/** URLs and process ids as one line of JSON, for scripts. */
export function asJson({
  front,
  kafka,
  shards,
  gateway,
  agent,
  apps,
  prometheus,
}: Pipeline): string {
  return JSON.stringify({
    url: front.url,
    kafka: { brokers: kafka.brokers, pid: kafka.pid },
    exposers: shards.map(({ url, child }) => ({ url, pid: child.pid })),
    gateways: [{ url: gateway.url, pid: gateway.child.pid }],
    agents: [{ url: agent.url, pid: agent.child.pid }],
    apps: apps.map(({ url, child, job, instance }) => ({ url, pid: child.pid, job, instance })),
    prometheus: prometheus && { url: prometheus.url, pid: prometheus.pid },
  })
}

const QUERIES = [
  'sum by (job) (rate(http_requests_total[1m]))',
  '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m]))',
]

/** URLs, an example and how to stop, for people. */
export function asText(pipeline: Pipeline, stop: string): string {
  const { front, kafka, shards, gateway, apps, prometheus } = pipeline
  const { job, instance } = apps[0]
  const rows: [string, string][] = [
    [
      'Targets',
      `${front.url}   state, age and playout delay of each app, at the one stable address`,
    ],
    ['Shards', shards.map(shard => shard.url).join('   ')],
    ['Apps', apps.map(app => `${app.url}/metrics (${app.job})`).join('   ')],
    ['Gateway', `${gateway.url}   push groups, among them those of a demo batch job`],
    ['Agent', agentText(pipeline)],
    ['Kafka', kafka.brokers.join(', ')],
    ['Prometheus', prometheusText(pipeline)],
    ['', ''],
    ['Try', `curl -L '${front.url}/target?job=${job}&instance=${instance}'`],
    ['Push', `echo 'my_metric 3.14' | curl --data-binary @- ${gateway.url}/metrics/job/my_job`],
    ...queryRows(pipeline),
    ['Stop', stop],
  ]
  const lines = rows.map(([label, text]) => `  ${label.padEnd(10)}  ${text}`.trimEnd())
  return [
    '',
    `The pipeline is up: three apps, a batch job at a gateway, and an agent → Kafka → two exposer shards${prometheus ? ' → Prometheus' : ''}`,
    '',
    ...lines,
    '',
    '',
  ].join('\n')
}

function agentText({ agent, worker, workerProblem }: Pipeline): string {
  const scraped = worker
    ? `and of a worker in Python, ${worker.url}/metrics`
    : `without a worker in Python. ${workerProblem}`
  return `${agent.url}   metrics of this machine, ${scraped}`
}

function prometheusText({ prometheus, prometheusHasPages, prometheusProblem }: Pipeline): string {
  if (!prometheus) return prometheusProblem
  return prometheusHasPages
    ? prometheus.url
    : `${prometheus.url}/api/v1/targets   only the API: Debian's package has no web pages`
}

function queryRows({ prometheus, prometheusHasPages }: Pipeline): [string, string][] {
  if (!prometheus) return []
  return QUERIES.flatMap((promql, i): [string, string][] => {
    const query = encodeURIComponent(promql)
    const path = prometheusHasPages
      ? `/query?g0.expr=${query}&g0.tab=0`
      : `/api/v1/query?query=${query}`
    return [
      [i === 0 ? 'Query' : '', promql],
      ['', prometheus.url + path],
    ]
  })
}
