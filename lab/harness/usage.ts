import { readdirSync, readFileSync } from 'node:fs'

export interface Usage {
  /** CPU time of all threads since the process started. */
  readonly cpuSeconds: number
  readonly rssBytes: number
}

const UNKNOWN: Usage = { cpuSeconds: Number.NaN, rssBytes: Number.NaN }

/**
 * CPU and memory of a process, from /proc. NaN if the process has exited, runs on another machine
 * (`pid` is null), or the system has no /proc.
 */
export function usageOf(pid: number | null): Usage {
  if (pid === null) return UNKNOWN
  try {
    return { cpuSeconds: cpuSecondsOf(pid), rssBytes: rssBytesOf(pid) }
  } catch {
    return UNKNOWN
  }
}

function cpuSecondsOf(pid: number): number {
  const tasks = `/proc/${pid}/task`
  let nanoseconds = 0
  for (const task of readdirSync(tasks)) {
    try {
      nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')[0])
    } catch {} // The thread exited between the two calls.
  }
  return nanoseconds / 1e9
}

function rssBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}
