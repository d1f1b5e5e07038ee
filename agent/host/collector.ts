import type { MetricType } from '../../shared/metrics/model.js'

/** Names of the collectors, as node_exporter has them. */
export const COLLECTOR_NAMES = [
  'cpu',
  'diskstats',
  'filesystem',
  'loadavg',
  'meminfo',
  'netdev',
  'pressure',
  'stat',
  'time',
  'uname',
  'vmstat',
] as const
export type CollectorName = (typeof COLLECTOR_NAMES)[number]

/** Whether a collector is enabled without a flag `--collector.<name>`, as in node_exporter. */
export const COLLECTOR_DEFAULTS: Readonly<Record<CollectorName, boolean>> = {
  cpu: true,
  diskstats: true,
  filesystem: true,
  loadavg: true,
  meminfo: true,
  netdev: true,
  pressure: true,
  stat: true,
  time: true,
  uname: true,
  vmstat: true,
}

/** A metric family of a collector. One object per family, because it is compared by identity. */
export interface FamilySpec {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly labelNames: readonly string[]
}

export const family = (
  name: string,
  type: MetricType,
  help: string,
  labelNames: readonly string[] = [],
): FamilySpec => ({ name, type, help, labelNames })

/** Receives the samples of a collector, with label values in the order of the label names. */
export interface SampleSink {
  put(family: FamilySpec, value: number, ...labelValues: readonly string[]): void
}

/** The files that collectors read. Their content is text of any kind. */
export interface HostFiles {
  /** @throws Error with the code ENOENT if there is no such file below /proc */
  proc(path: string): string
  /** @throws Error with the code ENOENT if there is no such file below /sys */
  sys(path: string): string
  /** Names in a folder below /sys, sorted. Empty if there is no such folder. */
  sysFolder(path: string): readonly string[]
  /** @throws Error with the code ENOENT if there is no such file in the database of udev */
  udev(path: string): string
  /**
   * The file of a time zone of the IANA database, or of the local one for null.
   *
   * @throws Error with the code ENOENT if there is no such file
   */
  zone(name: string | null): Buffer
}

/**
 * Turns files into samples. It throws if it cannot; its samples are then left out, and those of
 * other collectors are not.
 */
export type Collector = (files: HostFiles, sink: SampleSink) => void

/** What the system calls tell, which are not in files. */
export interface SystemFacts {
  readonly sysname: string
  readonly release: string
  readonly version: string
  readonly machine: string
  /** Unix ms. */
  readonly now: () => number
  /** Difference of the local time zone from UTC at a time, seconds. */
  readonly zoneOffset: (unixMs: number) => number
  /** Name of the zone of `zoneOffset`, such as `Europe/Berlin`. Null if it is that of the system. */
  readonly zoneName: string | null
}

/** Whether an error says that there is no such file. */
export const isMissing = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException)?.code === 'ENOENT'

/** Reads a file that need not exist. @returns null if there is none, or it cannot be read */
export function optional(read: () => string): string | null {
  try {
    return read()
  } catch {
    return null
  }
}
