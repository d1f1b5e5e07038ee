import type { PrometheusApi } from '../local/prometheus/api.js'

export interface AppLabels {
  readonly job: string
  readonly instance: string
}

/** The health of a pipeline. It is healthy if there are no problems. */
export interface Health {
  readonly problems: readonly string[]
  /** Requests per second by job, from Prometheus. Empty without Prometheus. */
  readonly rates: ReadonlyMap<string, number>
}

/** Checks in Prometheus that every app is up and has a request rate. */
export async function checkPrometheus(
  prometheus: PrometheusApi,
  apps: readonly AppLabels[],
): Promise<Health> {
  const rates = new Map<string, number>()
  try {
    const checks = apps.map(async ({ job, instance }) => {
      const selector = `job="${job}",instance="${instance}"`
      const [up] = await prometheus.query(`up{${selector}}`)
      if (!up) return `${job} is not a target of Prometheus`
      if (up.value[1] !== '1')
        return `${job} is down in Prometheus${await lastError(prometheus, job)}`
      const [rate] = await prometheus.query(`sum(rate(http_requests_total{${selector}}[30s]))`)
      if (!(Number(rate?.value[1]) > 0)) return `Prometheus has no request rate of ${job}`
      rates.set(job, Number(rate.value[1]))
      return null
    })
    return { problems: (await Promise.all(checks)).filter(problem => problem !== null), rates }
  } catch (error) {
    return { problems: [`Prometheus does not respond (${(error as Error).message})`], rates }
  }
}

async function lastError(prometheus: PrometheusApi, job: string): Promise<string> {
  const target = (await prometheus.targets()).find(({ labels }) => labels.job === job)
  return target?.lastError ? ` (${target.lastError})` : ''
}

interface TargetRow {
  readonly labels: Record<string, string>
  readonly state: string
  readonly reason: string
}

/**
 * Checks at the exposers that every app is up, which requires recent snapshots. Used without
 * Prometheus.
 */
export async function checkExposers(front: string, apps: readonly AppLabels[]): Promise<Health> {
  const rates = new Map<string, number>()
  try {
    const response = await fetch(`${front}/api/v1/targets?scope=group`)
    if (!response.ok) return { problems: [(await response.text()).trim()], rates }
    const { data } = (await response.json()) as { data: { targets: TargetRow[] } }
    const problems = apps.map(({ job, instance }) => {
      const row = data.targets.find(
        ({ labels }) => labels.job === job && labels.instance === instance,
      )
      if (!row) return `${job} is not a target of the exposers`
      return row.state === 'up' ? null : `${job} is ${row.state} (${row.reason})`
    })
    return { problems: problems.filter(problem => problem !== null), rates }
  } catch (error) {
    return { problems: [`the exposers do not respond (${(error as Error).message})`], rates }
  }
}
