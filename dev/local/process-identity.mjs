import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * The start time of a process, which tells it from a later process with the same pid. Null if there
 * is no such process; zombies count as ended.
 *
 * Pids are reused: a process must be identified before a signal is sent to a stored pid.
 */
export function processIdentity(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The command name is in parentheses and may contain spaces, so fields are counted after it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19]
    } catch {
      return null
    }
  }
  try {
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return line.toString().trim() || null
  } catch {
    return null
  }
}

/** Whether the process with this pid runs and has this identity. */
export function isAlive(pid, identity) {
  return identity !== null && processIdentity(pid) === identity
}
