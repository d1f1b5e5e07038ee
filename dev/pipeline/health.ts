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

/**
 * Checks in Prometheus that every app is up and has a request rate, and that the other targets are
 * up.
 */
export async function checkPrometheus(
  prometheus: PrometheusApi,
  apps: readonly AppLabels[],
  others: readonly AppLabels[],
): Promise<Health> {
  const rates = new Map<string, number>()
  try {
    const checks = [...apps, ...others].map(async ({ job, instance }) => {
      const selector = `job="${job}",instance="${instance}"`
      const [up] = await prometheus.query(`up{${selector}}`)
      if (!up) return `${job} is not a target of Prometheus`
      if (up.value[1] !== '1')
        return `${job} is down in Prometheus${await lastError(prometheus, job)}`
      if (others.some(other => other.job === job)) return null
      const [rate] = await prometheus.query(`sum(rate(http_requests_total{${selector}}[30s]))`)
      if (!(Number(rate?.value[1]) > 0)) return `Prometheus has no request rate of ${job}`
      rates.set(job, Number(rate.value[1]))
      return null
    })
    const problems = (await Promise.all(checks)).filter(problem => problem !== null)
    return { problems, rates }
  } catch (error) {
    return { problems: [`Prometheus does not respond (${(error as Error).message})`], rates }
  }
}

/** Checks that the gateway is ready. @returns problems */
export async function checkGateway(url: string): Promise<string[]> {
  try {
    const response = await fetch(`${url}/-/ready`)
    return response.ok ? [] : [`the gateway is not ready: ${(await response.text()).trim()}`]
  } catch (error) {
    return [`the gateway does not respond (${(error as Error).message})`]
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
