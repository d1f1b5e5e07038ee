import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { eventually } from './eventually.js'

/**
 * Waits until all threads of a process that got SIGSTOP have stopped: on a busy machine it may
 * answer once more. Without `/proc` it does not wait.
 */
export async function untilSuspended(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return
  await eventually(() => {
    for (const task of readdirSync(tasks)) {
      const stat = readFileSync(`${tasks}/${task}/stat`, 'latin1')
      const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
      if (state !== 'T') throw new Error(`thread ${task} is in state ${state}`)
    }
  })
}
