import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Seconds of CPU of all of a process's threads so far. */
export function cpuOf(pid: number): number {
  const tasks = `/proc/${pid}/task`
  let nanoseconds = 0
  for (const task of readdirSync(tasks)) {
    try {
      nanoseconds += Number(readFileSync(join(tasks, task, 'schedstat'), 'latin1').split(' ')[0])
    } catch {} // a thread that ended between the two calls
  }
  return nanoseconds / 1e9
}
