import { type ChildProcess, spawn } from 'node:child_process'
import { inject } from 'vitest'
import { freePort } from '../../dev/local/ports.js'
import { eventually } from './eventually.js'
import { name, newTopic } from './kafka.js'

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export interface StartedExposer {
  readonly url: string
  readonly topic: string
  /** Stops the exposer by SIGTERM. @returns the exit code */
  stop(): Promise<number | null>
}

/** How to run an installed exposer. The flags are appended to the command. */
export interface ExposerCommand {
  readonly command: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Runs as this user, if this process may change its user. */
  readonly uid?: number
}

/**
 * Starts an installed exposer on a new topic, and waits until it is ready.
 *
 * @throws Error with its output if it exits or does not become ready
 */
export async function startInstalledExposer(options: ExposerCommand): Promise<StartedExposer> {
  const { command, cwd, env, uid } = options
  const [program, ...args] = command
  const port = await freePort()
  const topic = await newTopic(1)
  const flags = [
    `--kafka.brokers=${inject('brokers').join(',')}`,
    `--kafka.topic=${topic}`,
    `--kafka.group=${name('installed')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--web.external-url=http://127.0.0.1:${port}`,
    '--exposition.playout-delay=0s',
  ]
  const child = spawn(program, [...args, ...flags], {
    cwd,
    env,
    uid,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.add(child)
  let printed = ''
  child.stderr.on('data', chunk => {
    printed += chunk
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    const code = await ended
    children.delete(child)
    return code
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await eventually(async () => {
      if (child.exitCode !== null) return
      const { status } = await fetch(`${url}/-/ready`)
      if (status !== 200) throw new Error(`not ready: ${status}`)
    })
    if (child.exitCode !== null) throw new Error(`the exposer exited with ${child.exitCode}`)
  } catch (error) {
    await stop()
    throw new Error(`${(error as Error).message}\n${printed}`)
  }
  return { url, topic, stop }
}
