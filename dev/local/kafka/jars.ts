import { createHash } from 'node:crypto'
import { accessSync, constants, copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createOnce } from '../create-once.js'
import { cacheFolder } from '../folders.js'
import { reportWhile } from '../report-while.mjs'
import { runCommand, which } from '../run-command.js'
import { kafkaUnavailable } from './java.js'

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url))

/** The folder of the broker's jars. It differs for each version of the pom. */
function jarsFolder(): string {
  return cacheFolder(
    `kafka-${createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)}`,
  )
}

/** Whether the jars are in the cache. Then neither Maven nor a network is needed. */
export const hasJars = (): boolean => existsSync(jarsFolder())

export const hasMaven = (): boolean => which('mvn') !== null

/**
 * Fetches the jars of the broker with Maven, once. @returns the folder that holds them in `libs`
 *
 * @throws Unavailable
 */
export function fetchJars(log: (message: string) => void): Promise<string> {
  return createOnce(
    jarsFolder(),
    async unfinished => {
      const maven = which('mvn')
      if (!maven) throw kafkaUnavailable('Maven is missing')
      log('fetching Kafka with Maven (once, 56 MB)')
      copyFileSync(POM, join(unfinished, 'pom.xml'))
      const args = [
        '-B',
        '-q',
        'dependency:copy-dependencies',
        `-DoutputDirectory=${join(unfinished, 'libs')}`,
      ]
      const fetching = runCommand(maven, [...args, ...repositoryOption()], { cwd: unfinished })
      const { code, stdout } = await reportWhile(
        fetching,
        log,
        seconds => `fetching Kafka: ${seconds} s elapsed`,
      )
      if (code !== 0)
        throw kafkaUnavailable(`Maven could not fetch the jars (${firstError(stdout)})`)
    },
    log,
  )
}

/** The class path, sorted, because the class archive is valid only for the same order. */
export function classPath(folder: string): string {
  const libs = join(folder, 'libs')
  return readdirSync(libs)
    .filter(name => name.endsWith('.jar'))
    .sort()
    .map(name => join(libs, name))
    .join(':')
}

/** Moves the local repository of Maven into the cache if the home folder is not writable. */
function repositoryOption(): string[] {
  try {
    accessSync(userInfo().homedir, constants.W_OK)
    return []
  } catch {
    return [`-Dmaven.repo.local=${cacheFolder('maven')}`]
  }
}

function firstError(output: string): string {
  const line = output.split('\n').find(l => l.startsWith('[ERROR]'))
  return line?.replace('[ERROR]', '').trim().slice(0, 300) ?? 'no error message'
}
