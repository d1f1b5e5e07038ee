import { isIP } from 'node:net'
import { globalFields } from '../../agent/scrape/config/global.js'
import { jobOf, type ScrapeJob } from '../../agent/scrape/config/job.js'
import { jobFields } from '../../agent/scrape/config/job-fields.js'
import type { ScrapeTargetFlag } from './scrape-target.js'

export interface SidecarOptions {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Label instance of this machine. */
  readonly instance: string
}

/** The jobs of the targets of the command line. */
export function sidecarJobs(
  targets: readonly ScrapeTargetFlag[],
  { intervalMs, timeoutMs, instance }: SidecarOptions,
): ScrapeJob[] {
  const names = [...new Set(targets.map(({ job }) => job))]
  return names.map(name => {
    const own = targets.filter(({ job }) => job === name)
    const fields = jobFields.parse({
      job_name: name,
      static_configs: own.map(({ url }) => ({
        targets: [addressOf(url)],
        labels: {
          __scheme__: url.protocol.slice(0, -1),
          __metrics_path__: decodedPath(url),
          ...parametersOf(url),
          ...(isLocal(url) ? { instance: `${instance}:${portOf(url)}` } : {}),
        },
      })),
    })
    const times = { scrape_interval: intervalMs, scrape_timeout: Math.min(timeoutMs, intervalMs) }
    const result = jobOf({ ...fields, ...times }, globalFields.parse({}), '.')
    if ('problems' in result) throw new Error(result.problems.map(([, text]) => text).join('; '))
    return result.job
  })
}

const portOf = (url: URL) => url.port || (url.protocol === 'https:' ? '443' : '80')
const addressOf = (url: URL) => `${url.hostname}:${portOf(url)}`

/** The path of a target is escaped when its URL is made. */
function decodedPath({ pathname }: URL): string {
  if (pathname === '/') return '/metrics'
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}

/** Parameters are labels. Of those that are repeated, labels can have the last one. */
const parametersOf = (url: URL) =>
  Object.fromEntries([...url.searchParams].map(([name, value]) => [`__param_${name}`, value]))

function isLocal({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
