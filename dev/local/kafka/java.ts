import { createHash } from 'node:crypto'
import { realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand, Unavailable, which } from '../run-command.js'

export interface Java {
  /** The executable. */
  readonly path: string
  /** Differs between installations, so that what was made for one is not used with another. */
  readonly fingerprint: string
}

const SUPPLY =
  'set KAFKA_BROKERS to a running cluster, or install Java 17 or newer and Maven (or start Docker)'

export const kafkaUnavailable = (why: string) =>
  new Unavailable(`Kafka cannot be started: ${why}; ${SUPPLY}.`)

/** JAVA_HOME, then PATH. Null when there is none. Its version is looked at by `checkJava`. */
export function findJava(): Java | null {
  const home = process.env.JAVA_HOME
  for (const path of [home ? join(home, 'bin', 'java') : null, which('java')]) {
    try {
      if (!path) continue
      const real = realpathSync(path)
      const fingerprint = createHash('sha256')
        .update(`${real} ${statSync(real).mtimeMs}`)
        .digest('hex')
        .slice(0, 12)
      return { path, fingerprint }
    } catch {} // JAVA_HOME points nowhere
  }
  return null
}

/** @throws Unavailable when it does not run or is too old */
export async function checkJava(java: Java): Promise<void> {
  const { code, stderr, stdout } = await runCommand(java.path, ['-version'], { timeoutMs: 30_000 })
  const major = Number(/version "(?:1\.)?(\d+)/.exec(stderr + stdout)?.[1])
  if (code !== 0 || !major) throw kafkaUnavailable(`${java.path} does not run`)
  if (major < 17) throw kafkaUnavailable(`${java.path} is version ${major}, needed is 17`)
}
