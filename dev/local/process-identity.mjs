import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * What tells a process from a later one with the same pid: when it started. Null when there is no such process (a
 * zombie counts as gone).
 *
 * Why? Pids are reused. Whoever keeps a pid and ends it later must be sure that it is still the one it meant.
 */
export function processIdentity(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      // The command's name is in parentheses and may hold spaces: fields are counted from the last one.
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

/** Whether `pid` still runs and is the process that `identity` was taken of. */
export function isAlive(pid, identity) {
  return identity !== null && processIdentity(pid) === identity
}
