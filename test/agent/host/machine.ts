import {
  COLLECTOR_NAMES,
  type CollectorName,
  type SystemFacts,
} from '../../../agent/host/collector.js'
import type { Statistics } from '../../../agent/host/collectors/filesystem/statistics.js'
import { CollectedHost, type Host, type HostOptions } from '../../../agent/host/host.js'
import type { Exposition } from '../../../shared/metrics/model.js'

/** Files by path: those of /proc below `proc/`, and so on. */
export type Files = Record<string, string>

const FACTS: SystemFacts = {
  sysname: 'Linux',
  release: '6.12.1',
  version: '#1 SMP',
  machine: 'x86_64',
  now: () => 1_700_000_000_250,
  zoneOffset: () => 0,
  zoneName: null,
}

const STATISTICS: Statistics = {
  bsize: 4096,
  blocks: 1000,
  bfree: 300,
  bavail: 200,
  files: 50,
  ffree: 40,
}

interface Parts {
  readonly files: Files
  readonly facts?: Partial<SystemFacts>
  readonly statfs?: (mountPoint: string) => Promise<Statistics>
  readonly zones?: Readonly<Record<string, Buffer>>
  readonly options?: Partial<HostOptions>
}

const only = (names: readonly CollectorName[]) =>
  Object.fromEntries(COLLECTOR_NAMES.map(name => [name, names.includes(name)])) as Record<
    CollectorName,
    boolean
  >

/** A host whose files are text. */
export function hostWith(names: readonly CollectorName[], parts: Parts): Host {
  const { files, facts, zones = {}, statfs = async () => STATISTICS, options } = parts
  const read = (path: string): string => {
    if (Object.hasOwn(files, path)) return files[path]
    throw missing(path)
  }
  return new CollectedHost(
    { ...options, collectors: only(names) },
    {
      facts: { ...FACTS, ...facts },
      statfs,
      files: {
        proc: path => read(`proc/${path}`),
        sys: path => read(`sys/${path}`),
        udev: path => read(`udev/${path}`),
        zone: path => {
          const name = path ?? 'localtime'
          if (!zones[name]) throw missing(name)
          return zones[name]
        },
        sysFolder: path => {
          const below = Object.keys(files).filter(file => file.startsWith(`sys/${path}/`))
          return [...new Set(below.map(file => file.slice(path.length + 5).split('/')[0]))].sort()
        },
      },
    },
  )
}

export const missing = (path: string): Error =>
  Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' })

/** Series of an exposition as `name{label="value"}` with their values. */
export function seriesIn({ families, values }: Exposition): Map<string, number> {
  const found = new Map<string, number>()
  let i = 0
  for (const { name, series } of families) {
    for (const { suffix, labels } of series) {
      const text = labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join()
      found.set(`${name}${suffix}${text && `{${text}}`}`, values[i++])
    }
  }
  return found
}

/** Lines of the samples of a collection, without those about collectors. */
export async function linesOf(host: Host): Promise<string[]> {
  const samples = seriesIn(await host.collect(1000))
  return Array.from(samples, ([series, value]) => `${series} ${value}`).filter(
    line => !line.startsWith('node_scrape_collector_'),
  )
}
