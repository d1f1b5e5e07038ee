import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** CPU time of all threads of a process since its start, seconds. */
export function cpuOf(pid: number): number {
  const tasks = `/proc/${pid}/task`
  let nanoseconds = 0
  for (const task of readdirSync(tasks)) {
    try {
      nanoseconds += Number(readFileSync(join(tasks, task, 'schedstat'), 'latin1').split(' ')[0])
    } catch {} // The thread has ended.
  }
  return nanoseconds / 1e9
}

/** Resident set size of a process, MiB. */
export function rssOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}
