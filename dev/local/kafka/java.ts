import { createHash } from 'node:crypto'
import { realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand, Unavailable, which } from '../run-command.js'

export interface Java {
  /** Path of the executable. */
  readonly path: string
  /**
   * Identifies the installation. A class archive is used only with the installation that created
   * it.
   */
  readonly fingerprint: string
}

const REMEDY =
  'Set KAFKA_BROKERS to a running cluster, install Java 17 or newer and Maven, or start Docker'

export const kafkaUnavailable = (reason: string) =>
  new Unavailable(`Kafka cannot be started: ${reason}. ${REMEDY}.`)

/** Looks for Java in JAVA_HOME and then on the PATH. `checkJava` checks its version. */
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
    } catch {} // JAVA_HOME does not exist.
  }
  return null
}

/** @throws Unavailable if Java does not run or is too old */
export async function checkJava(java: Java): Promise<void> {
  const { code, stderr, stdout } = await runCommand(java.path, ['-version'], { timeoutMs: 30_000 })
  const major = Number(/version "(?:1\.)?(\d+)/.exec(stderr + stdout)?.[1])
  if (code !== 0 || !major) throw kafkaUnavailable(`${java.path} does not run`)
  if (major < 17) throw kafkaUnavailable(`${java.path} is version ${major}, but 17 is required`)
}
