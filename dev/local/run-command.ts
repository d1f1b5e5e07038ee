import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { reaper } from './reaper.js'

/** Thrown if a required program cannot be found or fetched. The message says what to do. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command until it exits. The code is null if it cannot be started or is killed. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<CommandResult> {
  return new Promise(resolve => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: options.cwd,
      env: options.env ?? process.env,
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    })
    if (child.pid !== undefined) reaper().watch(child.pid)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.once('error', error => resolve({ code: null, stdout, stderr: String(error) }))
    child.once('close', code => {
      if (child.pid !== undefined) reaper().unwatch(child.pid)
      resolve({ code, stdout, stderr })
    })
  })
}

/** The path of a command on the PATH, or null. */
export function which(command: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, command)
    try {
      accessSync(path, constants.X_OK)
      if (folder && statSync(path).isFile()) return path
    } catch {}
  }
  return null
}
