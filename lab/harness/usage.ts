import { readdirSync, readFileSync } from 'node:fs'

export interface Usage {
  /** Of all threads since the process began; NaN where there is no /proc. */
  readonly cpuSeconds: number
  readonly rssBytes: number
}

const NOTHING: Usage = { cpuSeconds: Number.NaN, rssBytes: Number.NaN }

/** What a process takes, NaN when it is gone, not on this machine, or the system does not say. */
export function usageOf(pid: number | null): Usage {
  if (pid === null) return NOTHING
  try {
    return { cpuSeconds: cpuSecondsOf(pid), rssBytes: rssBytesOf(pid) }
  } catch {
    return NOTHING
  }
}

function cpuSecondsOf(pid: number): number {
  const tasks = `/proc/${pid}/task`
  let nanoseconds = 0
  for (const task of readdirSync(tasks)) {
    try {
      nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')[0])
    } catch {} // a thread that ended between the two calls
  }
  return nanoseconds / 1e9
}

function rssBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}
